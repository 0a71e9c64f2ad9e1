// The solution of ordinary equations: a curve of each unknown, with the measurements as dots.

import { showChart } from "../../charts/chart.js";
import { number, t } from "../../i18n.js";

const COLOURS = ["var(--accent)", "var(--good)", "var(--warn)", "var(--bad)", "currentColor", "var(--quiet)"];

export function showCurves(host, { model, solution: { values } }) {
  const [variable] = values.independent;
  const [axis] = values.axes;
  const points = values.unknowns.flatMap(({ name, values: along }) => along.map((value, at) => ({ name, at: axis[at], value })));
  const ends = points.filter((_, at) => (at + 1) % axis.length === 0);
  const names = values.unknowns.map(({ name }) => name);
  const measured = values.unknowns.flatMap(({ name, measured: dots }) => (dots ?? []).map(([at, value]) => ({ name, at, value })));
  const pointWords = ({ name, at, value }) => `${variable} = ${number(at)}\n${name} = ${number(value)}`;
  return showChart(host, {
    title: t("model.solution.of", { names: names.join(", ") }),
    words: values.unknowns.map((unknown) => rangeWords(unknown.name, unknown.values)).join("; "),
    filename: `${model.name}-solution`,
    options: ({ Plot }) => ({
      marginRight: 60,
      x: { label: variable },
      y: { label: names.length > 1 ? null : names[0], grid: true, nice: true },
      color: { domain: names, range: names.map((_, at) => COLOURS[at % COLOURS.length]) },
      marks: [
        Plot.dot(measured, { x: "at", y: "value", stroke: "name", r: 2.5 }),
        Plot.lineY(points, { x: "at", y: "value", z: "name", stroke: "name", strokeWidth: 2, title: pointWords, tip: true }),
        Plot.text(ends, { x: "at", y: "value", text: "name", fill: "name", dx: 8, textAnchor: "start", fontSize: 14 }),
      ],
    }),
  });
}

export const rangeWords = (name, all) => {
  const values = all.flat();
  return t("model.solution.range", { name, low: number(Math.min(...values)), high: number(Math.max(...values)) });
};
