// The rows of a model: inputs and target by row, typical values, and how near rows are to a slice.

import { count, t } from "../../i18n.js";
import { isAxis, middle, short } from "../rows.js";

const WIDTHS = [0.12, 0.2]; // least and greatest width of a slice, as a share of the ranges of the other inputs
const NEAREST = 0.05; // share of the rows that the slice has within its width, if it is not wider than that
const FAINT = 0.08; // opacity of the rows that are far from it
const STRONG = 0.8; // opacity of the rows in it

export const rowTitle = ({ number, part }) => t(part ? `model.fit.row ${part}` : "model.fit.row", { number: count(number) });

/** Rows with their inputs as the prediction form takes them; `inputs` are the features used, the most important first. */
export function readRows({ numbers, parts, inputs, target }, model) {
  const otherwise = middle(model);
  const features = new Map(model.features.map((feature) => [feature.name, feature]));
  const valueAt = (place) => ({ name, values }) => [name, short(values[place], features.get(name).type)];
  const rows = numbers.map((number, place) => ({
    number: number + 1,
    part: parts?.[place] ?? null,
    target: target[place],
    inputs: { ...otherwise, ...Object.fromEntries(inputs.map(valueAt(place))) },
  }));
  return {
    inputs: inputs.map(({ name, importance }) => ({ ...features.get(name), importance })),
    rows: rows.filter((row) => row.target !== null),
  };
}

/** The median of every number and time, and the most frequent value of every other input. */
export function typicalValues({ inputs, rows }) {
  return Object.fromEntries(inputs.map((feature) => {
    const values = rows.map((row) => row.inputs[feature.name]).filter((value) => value !== null);
    return [feature.name, (isOrdered(feature) ? median(values) : mode(values)) ?? null];
  }));
}

const isOrdered = (feature) => isAxis(feature) || feature.type === "datetime";

const median = (values) => values.sort((one, other) => (one > other) - (one < other))[values.length >> 1];

function mode(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0];
}

/** The rows with their opacity beside a curve over `axis` at the values `at` of the others, the strongest last. */
export function rowsNear({ inputs, rows }, axis, at) {
  const others = inputs.filter(({ name }) => name !== axis);
  const weights = others.map(({ importance }) => Math.max(importance ?? 1, 0));
  const most = Math.max(...weights, 0) || 1;
  const part = (row) => (feature, place) => (weights[place] / most) * gap(feature, row, at) ** 2;
  const distance = (row) => Math.sqrt(others.map(part(row)).reduce((sum, one) => sum + one, 0));
  const drawn = rows
    .filter((row) => row.inputs[axis] !== null)
    .map((row) => ({ ...row, row, x: row.inputs[axis], distance: distance(row) }));
  const nearest = drawn.map((row) => row.distance).sort((one, other) => one - other)[Math.floor(NEAREST * drawn.length)] ?? 0;
  const width = Math.min(Math.max(nearest, WIDTHS[0]), WIDTHS[1]);
  return drawn
    .map((row) => ({ ...row, opacity: FAINT + (STRONG - FAINT) * Math.exp(-((row.distance / width) ** 2) / 2) }))
    .sort((one, other) => one.opacity - other.opacity);
}

/** How far a row is from a value of an input, as a share of the range of a number or a time. */
function gap(feature, row, at) {
  const { name, type, min, max } = feature;
  const given = [row.inputs[name], at[name]];
  if (given[0] === given[1]) return 0;
  if (!isOrdered(feature) || given.includes(null)) return 1;
  const [one, other, low, high] = [...given, min, max].map((value) => (type === "datetime" ? Date.parse(value) : value));
  return Math.abs(one - other) / (high - low);
}
