// The front as a chart: error against size, formulas as dots, networks as squares, other models as lines.

import { ticksBetween } from "../../charts/log_axis.js";
import { count, number, t } from "../../i18n.js";
import { withUnit } from "../labels.js";

const MAX_SHOWN_TEXT = 60; // letters of a formula in its tip
const TIP_WIDTH = 24; // letters of width 1 em in a line of a tip
const LABEL = 12; // height of a line of a label in pixels
const [MIN_MARGIN_WIDTH, MARGIN] = [600, 150]; // from this width the labels of lines stand in the right margin
const TICKS = 12; // of the axis of errors; with fewer, d3 leaves out the labels of most ticks of a logarithmic axis

/**
 * @param given An object with `entries` (formulas), `networks`, `references` (see entries.js), `measure`, `unit`,
 *   `name` (of the output), `hasOthers` (whether there are other outputs) and `shown` (the entry that is shown below the chart).
 */
export function frontChart({ entries, networks, references, measure, unit, name, hasOthers, shown }) {
  const points = [...entries, ...networks].filter((point) => Number.isFinite(point.error));
  const floor = errorFloor(points);
  const y = (point) => Math.max(point.error, floor);
  const error = (point) => withUnit(number(point.error), unit);
  const [{ metric }] = entries;
  return {
    title: t("model.front.chart", { name }),
    words: describe(entries, networks, references, error),
    filename: `front-${name}`,
    about: [t(`model.front.chart ${networks.length ? "networks" : "about"}`), hasOthers && metric === "log_loss" ? t("model.front.chart whole") : ""].join(" "),
    height: (width) => (width < 500 ? 320 : 360),
    options: ({ Plot, width }) => ({
      marginLeft: 64,
      marginRight: width >= MIN_MARGIN_WIDTH && references.length ? MARGIN : 16,
      x: { label: t(`model.front.axis ${networks.length ? "both" : measure}`), inset: 14, ticks: Math.min(10, width / 60), tickFormat: wholeTick },
      y: { type: "log", label: withUnit(t(`model.front.${metric}`), unit && `[${unit}]`), grid: true, inset: 16, ticks: ticksBetween([...points, ...references].map(y), TICKS), tickFormat: (value) => number(value, 3) },
      marks: [
        Plot.ruleY(references, { y: "error", stroke: "var(--quiet)", strokeDasharray: "4 3" }),
        Plot.text(labelsOf(references, points), {
          y: "error", text: "name", frameAnchor: "right", fill: "var(--quiet)", stroke: "var(--paper)", strokeWidth: 3,
          ...(width >= MIN_MARGIN_WIDTH ? { textAnchor: "start", dx: 6, lineWidth: MARGIN / LABEL - 2 } : { textAnchor: "end", dy: -7 }),
        }),
        Plot.line(bestSoFar(entries, points), { x: "length", y, curve: "step-after", stroke: "var(--accent)", strokeOpacity: 0.6 }),
        Plot.dot(networks, { x: "length", y, symbol: "square", r: 4, stroke: "var(--quiet)", fill: "var(--paper)", strokeWidth: 1.5 }),
        Plot.dot(entries, { x: "length", y, r: 5, stroke: "var(--accent)", fill: (entry) => (entry.isChosen ? "var(--accent)" : "var(--paper)"), strokeWidth: 2 }),
        Plot.dot(points.filter((point) => point === shown), { x: "length", y, r: 10, stroke: "var(--accent)", strokeWidth: 1.5 }),
        Plot.dot(points, { x: "length", y, r: 8, fill: "transparent", title: (point) => tipText(point, error), tip: { fill: "var(--raised)", lineWidth: TIP_WIDTH } }),
      ],
    }),
  };
}

/** The least error shown: errors of 0, which have no logarithm, lie on the lower edge. */
function errorFloor(points) {
  const positive = points.map(({ error }) => error).filter((error) => error > 0);
  return positive.length ? Math.min(...positive) / (positive.length < points.length ? 20 : 1) : 1e-16;
}

/** The most accurate formula of every size, up to the largest size shown. */
function bestSoFar(entries, points) {
  let best = Infinity;
  const steps = entries.map(({ length, error }) => ({ length, error: (best = Math.min(best, error)) }));
  return [...steps, { length: Math.max(...points.map((point) => point.length)), error: best }];
}

/** One label for lines that lie so close together that their labels would overlap. */
function labelsOf(references, points) {
  const errors = [...references, ...points].map(({ error }) => error).filter((error) => error > 0);
  const isClose = (one, other) => Math.log(one / other) < ((1.7 * LABEL) / 280) * Math.log(Math.max(...errors) / Math.min(...errors));
  const labels = [];
  for (const { name, error } of [...references].sort((one, other) => other.error - one.error)) {
    const above = labels.at(-1);
    if (above && isClose(above.error, error)) above.name += `, ${name}`;
    else labels.push({ name, error });
  }
  return labels;
}

function tipText(point, error) {
  const facts = [`${t(`model.front.${point.metric}`)}: ${error(point)}`];
  if (point.isNetwork) return [t("model.member.compact", { count: point.edges }), ...facts].join("\n");
  const { expression } = point;
  const text = expression.length > MAX_SHOWN_TEXT ? `${expression.slice(0, MAX_SHOWN_TEXT)}…` : expression;
  return [t("model.front.number", { number: point.number }), text, ...facts].join("\n");
}

function describe(entries, networks, references, error) {
  const [first, last, chosen] = [entries[0], entries.at(-1), entries.find(({ isChosen }) => isChosen)];
  const range = { count: entries.length, from: first.length, to: last.length, first: error(first), last: error(last), number: chosen.number, error: error(chosen) };
  const others = references.map((reference) => `${reference.name}: ${error(reference)}`);
  const compact = networks.map((step) => `${t("model.member.compact", { count: step.edges })}: ${error(step)}`);
  return [t("model.front.words", range), ...others, ...compact].join(". ");
}

const wholeTick = (value) => (Number.isInteger(value) ? count(value) : "");
