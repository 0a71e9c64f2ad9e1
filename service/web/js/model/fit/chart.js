// One chart of the rows with the curves through them.

import { count, number, t } from "../../i18n.js";
import { labelWithUnit, unitOf, valueText, withUnit } from "../labels.js";
import { rowTitle } from "./rows.js";

export const ROW = { r: 3, fill: "currentColor", stroke: "none", strokeWidth: 1.8 };
export const HELD_ROW = { ...ROW, fill: "var(--paper)", stroke: "var(--warn)" };
export const CURVES = [ // of the member that answers, and of the other
  { stroke: "var(--accent)", strokeWidth: 3, strokeDasharray: null },
  { stroke: "currentColor", strokeWidth: 1.4, strokeDasharray: "5 4" },
];
export const BAND = ["var(--accent)", 0.16]; // fill and opacity
const RUG = 0.1; // height of the band of rows with or without a class, beyond the probabilities 1 and 0
const GOLDEN = 0.618; // spreads consecutive row numbers evenly over the band
const PROBABILITIES = { domain: [-RUG, 1 + RUG], ticks: [0, 0.25, 0.5, 0.75, 1] };
const SHOWN_INPUTS = 6; // of a row on hover

export function fitChart({ model, axis, near, members, state, curve = [], table }) {
  const isClass = state.label !== undefined;
  const valueOf = (told) => (isClass ? told?.[state.label] : told);
  const points = curve.map(({ members: told, ...point }) => ({ ...point, values: told.map(valueOf) }));
  const rows = near.map((row) => ({ ...row, y: isClass ? rug(row, state.label) : row.target }));
  const unit = unitOf(model, axis.name);
  const label = isClass
    ? t("model.fit.probability", { target: model.target, class: state.label })
    : labelWithUnit(model.target, unitOf(model, model.target));
  return {
    title: t("model.fit.title", { target: model.target, axis: axis.name }),
    words: words({ model, axis, near, members, state, points }),
    filename: `${model.name}-${axis.name}`,
    height: (width) => Math.min(380, Math.max(260, 0.7 * width)),
    options: ({ Plot }) => ({
      x: { label: labelWithUnit(axis.name, unit), grid: true },
      y: { label, grid: true, ...(isClass ? PROBABILITIES : { nice: true }) },
      inset: 6, // rows at the ends of the range are whole
      marginLeft: 52,
      marks: marks(Plot, { rows, points, members, model, axis, state, table }),
    }),
  };
}

function marks(Plot, { rows, points, members, model, axis, state, table }) {
  const own = (value) => ({ value, scale: null }); // a colour or opacity, not data
  const style = ({ part }) => (part === "hold-out" ? HELD_ROW : ROW);
  const chosen = rows.filter(({ row }) => row === state.selected);
  const place = { x: "x", y: "y", clip: true };
  return [
    state.axes.length > 1 ? Plot.ruleX([state.at[axis.name]], { stroke: "var(--quiet)", strokeDasharray: "2 4" }) : null,
    Plot.areaY(points.filter(({ low, high }) => low !== null && high !== null), {
      x: "x",
      y1: "low",
      y2: "high",
      fill: BAND[0],
      fillOpacity: BAND[1],
      clip: true,
    }),
    Plot.dot(rows, {
      ...place,
      ...ROW,
      fill: own((row) => style(row).fill),
      stroke: own((row) => style(row).stroke),
      opacity: own(({ opacity }) => opacity),
    }),
    ...members.map((_, member) => Plot.line(points, {
      x: "x",
      y: ({ values }) => values[member] ?? NaN,
      ...CURVES[member],
      clip: true,
    })),
    Plot.dot(chosen, { ...place, r: 8, stroke: "var(--bad)", strokeWidth: 2.5 }),
    Plot.tip(rows, Plot.pointer({ x: "x", y: "y", title: (row) => hover(row, model, table), maxRadius: 30 })),
  ].filter(Boolean);
}

/** Where a row lies above or below the probabilities, spread by its number so that rows do not hide each other. */
function rug({ number: of, target }, label) {
  const depth = RUG * (0.15 + 0.8 * ((of * GOLDEN) % 1));
  return String(target) === String(label) ? 1 + depth : -depth;
}

function hover(row, model, table) {
  const { inputs, target } = row;
  const line = (name, value) => `${name} = ${withUnit(valueText(value), unitOf(model, name))}`;
  const shown = table.inputs.slice(0, SHOWN_INPUTS);
  return [rowTitle(row), line(model.target, target), ...shown.map(({ name }) => line(name, inputs[name]))].join("\n");
}

/** The chart in numbers. */
function words({ model, axis, near, members, state, points }) {
  const held = near.filter(({ part }) => part === "hold-out").length;
  const rows = t("model.fit.words rows", { target: model.target, axis: axis.name, rows: count(near.length), held: count(held) });
  return [rows, ...(points.length ? members.map((name, member) => curveWords(name, points, member)) : [])].join(" ");
}

function curveWords(name, points, member) {
  const seen = points.map(({ x, values }) => ({ x, y: values[member] })).filter(({ y }) => Number.isFinite(y));
  if (!seen.length) return "";
  const [low, high] = [Math.min, Math.max].map((pick) => seen.find(({ y }) => y === pick(...seen.map((point) => point.y))));
  const told = { start: seen[0], end: seen.at(-1), low, high };
  const values = Object.entries(told).flatMap(([key, { x, y }]) => [[`${key}X`, number(x, 3)], [`${key}Y`, number(y)]]);
  return t("model.fit.words curve", { member: t(`model.fit.curve.${name}`), ...Object.fromEntries(values) });
}
