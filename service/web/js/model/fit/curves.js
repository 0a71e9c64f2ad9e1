// Predictions along slices: by the formula, by the network, or by both.

import { automatic, memberRequest, shownNetwork } from "../members.js";
import { createPoster } from "../prediction/interval.js";
import { middle } from "../rows.js";

const POINTS = 101;

/** The member that predicts, and the formula or the network beside it, if the model has both. */
export function drawnMembers(model) {
  const serving = automatic(model);
  const other = serving === "formula" ? shownNetwork(model) : "formula";
  return [serving, ...(model.members[other] ? [other] : [])];
}

/** Returns a function that resolves to the curve over every axis. */
export function createPredictor({ model, path }, members) {
  const post = createPoster(model);
  return async function predict({ axes, at }, options) {
    const values = axes.map(pointsOf);
    const columns = columnsOf(model, axes, at, values);
    const told = await Promise.all(
      members.map((by) => post(`${path}/predict`, { columns, ...memberRequest(model, by) }, options)),
    );
    let start = 0;
    return values.map((points) => {
      const from = start;
      start += points.length;
      return points.map((x, place) => pointOf(x, told, from + place));
    });
  };
}

/** The same predictions of all members at one place: {x, members: [value or probabilities], low, high}. */
function pointOf(x, told, place) {
  const [low, high] = told[0].intervals?.[place] ?? [null, null];
  return { x, low, high, members: told.map((one) => one.probabilities?.[place] ?? one.predictions[place]) };
}

function pointsOf({ min, max, type }) {
  const values = Array.from({ length: POINTS }, (_, place) => min + ((max - min) * place) / (POINTS - 1));
  values[POINTS - 1] = max; // without rounding errors, which would put it outside
  return type === "integer" ? [...new Set(values.map(Math.round))] : values;
}

function columnsOf(model, axes, at, values) {
  const fixed = { ...middle(model), ...at };
  const part = (name, axis, points) => (axis.name === name ? points : points.map(() => fixed[name]));
  const column = (name) => axes.flatMap((axis, place) => part(name, axis, values[place]));
  return Object.fromEntries(model.features.map(({ name }) => [name, column(name)]));
}
