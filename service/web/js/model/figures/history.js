// The training: losses by step on a logarithmic axis, or the error of a solution, with the refinements of the grid.

import { html } from "../../../vendor/lit-html.js";
import { showChart } from "../../charts/chart.js";
import { logAxis } from "../../charts/log_axis.js";
import { count, number, t } from "../../i18n.js";
import { legend, lineSign, seriesStyle } from "./series.js";

const LABEL_SPACING = 0.07; // share of the axis between the labels of refinements

export const showHistory = (root, { model }) => showChart(root, historyChart(model));

function historyChart({ name, task, history }) {
  const isOrdered = history.every(({ step }, at) => !at || step > history[at - 1].step);
  // Steps may begin anew in every round.
  const points = history.map((entry, at) => ({ ...entry, x: isOrdered ? entry.step : at }));
  const isCourse = (key) => points.some((point) => point[key] > 0);
  const courses = (task === "equation" ? ["error"] : ["loss", "validation_loss"]).filter(isCourse);
  const values = courses.flatMap((key) => points.map((point) => point[key])).filter((value) => value > 0);
  const what = task === "equation" ? "refinement" : "history";
  const signs = courses.map((key, at) => [lineSign(seriesStyle(at)), t(`model.history.${key}`)]);
  return {
    title: task === "equation" ? t("model.picture.refinement") : t("model.picture.history"),
    about: html`${task === "equation" ? t("model.picture.refinement about") : t("model.picture.history about")} ${courses.length > 1 ? legend(signs) : ""}`,
    words: describe(points, courses),
    filename: `${name}-${what}`,
    height: (width) => Math.min(340, 0.7 * width),
    options: ({ Plot, width }) => ({
      marginLeft: 60,
      marginRight: 50, // for the label of the last refinement
      marginTop: 30,
      x: {
        label: t("model.history.step"), labelAnchor: "center", ticks: Math.min(width / 60, points.length - 1),
        tickFormat: (step) => (Number.isInteger(step) ? count(step) : ""),
      },
      y: { ...logAxis(values), label: t(`model.history.${task === "equation" ? "error" : "axis"}`) },
      marks: [
        Plot.ruleX(refinements(points), { x: "x", stroke: "var(--quiet)", strokeDasharray: "2 4" }),
        Plot.text(labelled(refinements(points), points), {
          x: "x", text: ({ grid }) => `G = ${grid}`, frameAnchor: "top", textAnchor: "start", dx: 4, dy: -4, fill: "var(--quiet)",
        }),
        ...courses.map((key, at) => Plot.line(points, { x: "x", y: ({ [key]: y }) => (y > 0 ? y : NaN), ...seriesStyle(at) })),
        Plot.dot(points, {
          x: "x", y: courses[0], r: 3, fill: "var(--accent)", title: (point) => tipText(point, courses), tip: { pointer: "x" },
        }),
      ],
    }),
  };
}

/** The points from which the grid is finer. */
const refinements = (points) => points.filter(({ grid }, at) => at && grid !== points[at - 1].grid);

/** Those that have room for a label. */
function labelled(found, points) {
  const width = LABEL_SPACING * (points.at(-1).x - points[0].x);
  let last = -Infinity;
  return found.filter(({ x }) => x - last > width && ((last = x), true));
}

const tipText = (point, courses) => [
  t("model.history.tip", { step: count(point.step), grid: count(point.grid) }),
  ...courses.map((key) => `${t(`model.history.${key}`)}: ${number(point[key], 3)}`),
].join("\n");

function describe(points, courses) {
  const [first, last] = [points[0], points.at(-1)];
  const told = courses.map((key) => {
    const lowest = Math.min(...points.map((point) => point[key]).filter((value) => value > 0));
    const facts = { first: number(first[key], 3), last: number(last[key], 3), lowest: number(lowest, 3), count: points.length };
    return t("model.history.words", { name: t(`model.history.${key}`), ...facts });
  });
  return [...told, `G = ${[...new Set(points.map(({ grid }) => grid))].join(", ")}.`].join(" ");
}
