// Charts of a study whose grid varies: error and time by grid, and error by the number of parameters.

import { html, nothing } from "../../vendor/lit-html.js";
import { count, number, raise, t } from "../i18n.js";
import { legend, lineSign, seriesStyle } from "../model/figures/series.js";
import { labelOf, metricOf } from "./study_bars.js";
import { logAxis } from "./log_axis.js";

const GRID = "network.grid";
const ORDER = "network.order";
const SEED = "seed"; // trainings that differ by it alone are one series
const MAX_SERIES = 10; // those with the smallest errors are drawn
const MAX_TICKS = 12; // so many grids have a tick each
const MLP = /^(mlp\w*)\.parameters$/;

/**
 * The charts of the rows of a result; none if fewer than two grids have an error.
 *
 * @param table { names, rows } of text.
 * @param order Of the splines, for the slope that theory expects, where it does not vary; null if it is unknown.
 */
export function studyCharts({ names, rows }, order, filename) {
  const metric = metricOf(names);
  const at = (name) => names.indexOf(name);
  const pick = (row, name) => Number(row[at(name)] || NaN);
  if (!metric || at(GRID) < 0) return [];
  const own = rows.map((row) => ({
    label: labelOf(names, row, [GRID, SEED]),
    grid: pick(row, GRID),
    parameters: pick(row, "parameters"),
    error: pick(row, metric),
    seconds: pick(row, "training_seconds"),
    order: at(ORDER) < 0 ? order : pick(row, ORDER),
  }));
  const mlps = names.map((name) => MLP.exec(name)?.[1]).filter(Boolean);
  const mlpOf = (row, name) => ({
    label: "MLP",
    parameters: pick(row, `${name}.parameters`),
    error: pick(row, `${name}.${metric}`),
  });
  const others = rows.flatMap((row) => mlps.map((name) => mlpOf(row, name)));
  if (new Set(own.filter(({ error }) => error > 0).map(({ grid }) => grid)).size < 2) return [];
  const hasSlopes = metric === "rmse";
  const kan = mlps.length ? own.map((one) => ({ ...one, label: ["KAN", one.label].filter(Boolean).join(", ") })) : own;
  const charts = [
    studyChart("error_by_grid", own, "grid", "error", { metric, hasSlopes }),
    studyChart("error_by_parameters", [...kan, ...others], "parameters", "error", { metric, hasSlopes }),
    studyChart("time_by_grid", own, "grid", "seconds", { metric }),
  ];
  return charts.map((chart) => ({ ...chart, filename: `${filename}-${chart.name}` }));
}

function studyChart(name, trainings, across, up, { metric, hasSlopes = false }) {
  const series = seriesOf(trainings, across, up);
  const points = series.flatMap((one) => one.points);
  const places = [...new Set(points.map(({ x }) => x))].sort((one, other) => one - other);
  const y = logAxis(points.flatMap(({ low, high }) => [low, high]));
  const hasTicks = across === "grid" && places.length <= MAX_TICKS;
  const ends = [places[0], places.at(-1)];
  const x = hasTicks ? { type: "log", domain: ends, ticks: places, tickFormat: count } : { ...logAxis(places), grid: false };
  const slopes = hasSlopes ? slopesOf(series, places.at(-1), y.domain[0]) : [];
  const what = { error: t(`model.metric.${metric}`), seconds: t("job.study.column.seconds") }[up];
  const title = (point) => pointWords(point, across, what);
  const signs = series.map(({ label }, at) => [lineSign(seriesStyle(at)), label]);
  return {
    name,
    title: t(`job.study.${name}`),
    about: html`${t(`job.study.${name} about`)} ${series.length > 1 ? legend(signs) : nothing}`,
    words: series.map((one) => seriesWords(one, across, what)).join(" "),
    height: (width) => Math.min(380, 0.75 * width),
    options: ({ Plot }) => ({
      marginLeft: 60,
      marginRight: 44,
      inset: 8,
      x: { ...x, label: t(`job.study.axis ${across}`), labelAnchor: "center" },
      y: { ...y, label: what },
      marks: [
        Plot.line(slopes.flat(), { x: "x", y: "y", z: "power", stroke: "var(--quiet)", strokeDasharray: "6 4" }),
        Plot.text(slopes.map(([, end]) => end), {
          x: "x", y: "y", text: ({ power }) => t(`job.study.slope ${across}`, { power: raise(-power) }),
          textAnchor: "start", dx: 4, dy: -6, fill: "var(--quiet)",
        }),
        ...series.flatMap((one, at) => [
          Plot.ruleX(one.points, { x: "x", y1: "low", y2: "high", stroke: seriesStyle(at).stroke }),
          Plot.line(one.points, { x: "x", y: "y", ...seriesStyle(at) }),
          Plot.dot(one.points, { x: "x", y: "y", r: 3.5, fill: seriesStyle(at).stroke }),
        ]),
        Plot.dot(points, { x: "x", y: "y", fill: "transparent", title, tip: { lineWidth: 24 } }),
      ],
    }),
  };
}

/** The median and the range of the trainings at each place, by label: KANs before MLPs, the smallest errors first. */
function seriesOf(trainings, across, up) {
  const labels = Map.groupBy(trainings.filter((one) => one[up] > 0 && one[across] > 0), ({ label }) => label);
  const series = [...labels].map(([label, members]) => {
    const places = [...Map.groupBy(members, (one) => one[across])].sort(([one], [other]) => one - other);
    const points = places.map(([x, found]) => ({ label, x, ...spread(found.map((one) => one[up])) }));
    const [{ grid, order = null }] = members;
    return { label, order, isKan: grid !== undefined, least: Math.min(...members.map(({ error }) => error || Infinity)), points };
  });
  return series.sort((one, other) => other.isKan - one.isKan || one.least - other.least).slice(0, MAX_SERIES);
}

function spread(values) {
  const sorted = values.sort((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return { y: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2, low: sorted[0], high: sorted.at(-1) };
}

/** Lines with the slopes of theory, as far as the chart reaches: for every order from the first point of its best series. */
function slopesOf(series, right, bottom) {
  const best = Map.groupBy(series.filter(({ order }) => order !== null), ({ order }) => order);
  return [...best].map(([order, [{ points: [{ x, y }] }]]) => {
    const power = order + 1;
    const end = Math.min(right, x * (y / bottom) ** (1 / power));
    return [{ x, y, power }, { x: end, y: y * (end / x) ** -power, power }];
  });
}

function pointWords({ label, x, y, low, high }, across, what) {
  const place = across === "grid" ? `G = ${count(x)}` : `${t("job.study.axis parameters")}: ${count(x)}`;
  const range = low < high ? [t("model.range", { low: number(low, 3), high: number(high, 3) })] : [];
  return [...(label ? [label] : []), place, `${what}: ${number(y, 3)}`, ...range].join("\n");
}

function seriesWords({ label, points }, across, what) {
  const told = points.map(({ x, y }) => `${count(x)}: ${number(y, 3)}`).join("; ");
  return `${label ? `${label}. ` : ""}${what}, ${t(`job.study.axis ${across}`)} ${told}.`;
}
