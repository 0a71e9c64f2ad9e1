// A density: its curve and its law over the histogram of the rows, or maps of two columns with the rows as dots.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { showChart } from "../../charts/chart.js";
import { count, named, number, t } from "../../i18n.js";
import { labelWithUnit, unitOf, withUnit } from "../labels.js";
import { mapChart, mapPoints, ramp } from "./map.js";
import { areaSign, dotSign, legend, lineSign } from "./series.js";

const NETWORK = { stroke: "var(--accent)", strokeWidth: 2.5 };
const LAW = { stroke: "currentColor", strokeWidth: 1.6, strokeDasharray: "6 4" };
const BARS = ["var(--quiet)", 0.3]; // fill and opacity
const ROW = { r: 2, fill: "#fff", stroke: "#000", strokeWidth: 0.7 }; // visible on all colours of a map

export function densitySection(root, page) {
  const { density, measured_on: place, rows } = page.measured;
  const given = { model: page.model, rows, ...density };
  const isMap = density.columns.length > 1;
  const members = density.law_density ? ["density", "law_density"] : ["density"];
  const top = Math.max(...members.flatMap((name) => density[name].flat()));
  const kind = isMap ? "map" : "curve";
  const about = ["about", ...(density.law_density ? ["law"] : [])].map((part) => t(`model.density.${kind} ${part}`));
  const charts = isMap ? members.map((name) => densityMap(given, name, top)) : [curveChart(given)];
  render(
    html`<p>${[...about, t(`model.density.${place}`)].join(" ")}</p>
      ${legend(isMap ? [[dotSign(ROW), t("model.fit.rows")]] : curveSigns(density))}
      <div class="plane">${charts.map(() => html`<div class=${isMap ? "density-map" : "density-curve"}></div>`)}</div>
      ${isMap ? ramp([0, top]) : nothing}`,
    root,
  );
  root.querySelectorAll(".plane > div").forEach((host, at) => showChart(host, charts[at]));
}

const lawName = ({ law }) => t("model.density.law", { name: named("model.law name", law) });

const curveSigns = ({ law, law_density: known }) => [
  [areaSign(...BARS), t("model.density.histogram")],
  [lineSign(NETWORK), t("model.fit.curve.accurate")],
  ...(known ? [[lineSign(LAW), lawName({ law })]] : []),
];

function curveChart({ model, rows, columns: [name], axes: [axis], density, law, law_density: known, edges, bars }) {
  const unit = unitOf(model, name);
  const points = axis.map((x, at) => ({ x, network: density[at], law: known?.[at] }));
  const boxes = bars.map((height, at) => ({ from: edges[at], to: edges[at + 1], height }));
  const barAt = (x) => boxes.find(({ from, to }) => from <= x && x <= to)?.height ?? 0;
  const title = ({ x, network, law: y }) =>
    [
      `${name}: ${withUnit(number(x), unit)}`,
      `${t("model.fit.curve.accurate")}: ${number(network, 3)}`,
      ...(known ? [`${lawName({ law })}: ${number(y, 3)}`] : []),
      `${t("model.density.histogram")}: ${number(barAt(x), 3)}`,
    ].join("\n");
  const peak = points.reduce((one, other) => (other.network > one.network ? other : one));
  const ends = { low: number(axis[0]), high: withUnit(number(axis.at(-1)), unit) };
  const facts = { name, rows: count(rows), ...ends, peak: number(peak.network, 3), at: withUnit(number(peak.x), unit) };
  return {
    title: t("model.density.of", { name }),
    words: [t("model.density.curve words", facts), ...(known ? [`${lawName({ law })}.`] : [])].join(" "),
    filename: `${model.name}-density`,
    height: (width) => Math.min(380, Math.max(260, 0.6 * width)),
    options: ({ Plot, width }) => ({
      marginLeft: 56,
      x: { label: labelWithUnit(name, unit), labelAnchor: "center", ticks: width / 80 },
      y: { label: t("model.density.axis"), grid: true, ticks: 5 },
      marks: [
        Plot.rectY(boxes, { x1: "from", x2: "to", y1: 0, y2: "height", fill: BARS[0], fillOpacity: BARS[1], inset: 0.5 }),
        Plot.ruleY([0], { stroke: "var(--quiet)" }),
        Plot.lineY(points, { x: "x", y: "network", ...NETWORK, title, tip: { pointer: "x" } }),
        ...(known ? [Plot.lineY(points, { x: "x", y: "law", ...LAW })] : []),
      ],
    }),
  };
}

/** @param member "density" of the network, or "law_density". */
function densityMap({ model, columns, axes, dots, law, ...values }, member, top) {
  const points = mapPoints(axes, values[member]);
  const units = columns.map((name) => unitOf(model, name));
  const place = ({ x, y }) => [x, y].map((value, at) => `${columns[at]}: ${withUnit(number(value), units[at])}`);
  const name = member === "density" ? t("model.fit.curve.accurate") : lawName({ law });
  const peak = points.reduce((one, other) => (other.value > one.value ? other : one));
  const isInside = ({ x1, x2, y1, y2 }) => ([x, y]) => x >= x1 && x <= x2 && y >= y1 && y <= y2;
  return mapChart({
    axes,
    labels: columns.map((column, at) => labelWithUnit(column, units[at])),
    points,
    describe: (point) => [...place(point), `${name}: ${number(point.value, 3)}`],
    range: [0, top],
    marks: (Plot, box) => [Plot.dot(dots.filter(isInside(box)), { x: "0", y: "1", ...ROW })],
    title: t(`model.density.map ${member === "density" ? "network" : "by law"}`, { name: named("model.law name", law) }),
    words: t("model.density.map words", { name, peak: number(peak.value, 3), at: place(peak).join(", ") }),
    filename: `${model.name}-${member}`,
    height: (width) => Math.min(400, 0.95 * width),
  });
}
