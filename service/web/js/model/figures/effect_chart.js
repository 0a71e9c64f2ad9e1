// The effect of one input: the mean prediction over it with the band of the rows, or a dot and a bar for each category.

import { MARGIN_BOTTOM } from "../../charts/chart.js";
import { number, t } from "../../i18n.js";
import { labelWithUnit, unitOf, valueText, withUnit } from "../labels.js";
import { seriesStyle } from "./series.js";
import { shorten } from "../../parts/shorten.js";

const HEIGHT = 220; // pixels
const MARK = 0.05; // height of the marks of deciles, as a share of the scale
const LETTER = 6.5; // mean width in pixels
const [MAX_NAME, MAX_NAMES] = [14, 14]; // letters of a category, and categories that are named
const BAND = { fill: "var(--accent)", fillOpacity: 0.2 };

/** @param range The vertical scale. */
export function effectChart(effect, range, model) {
  const isNumber = effect.deciles !== null;
  const place = (value) => (isNumber ? value : valueText(value));
  const series = effect.curves.map(({ output, mean, low, high }) =>
    effect.values
      .map((value, at) => {
        const told = { y: mean[at], low: low?.[at], high: high?.[at], share: effect.shares?.[at] };
        return { output, value, x: place(value), ...told };
      })
      .filter(({ value, y }) => y !== null && !(isNumber && value === null)),
  );
  const label = labelWithUnit(effect.name, unitOf(model, effect.name));
  const isOne = series.length === 1;
  const title = (point) => tipText(point, effect.name, model, isOne);
  const up = quantity(effect, model);
  const names = effect.values.map(place);
  return {
    title: effect.name,
    words: series.map((points) => describe(points, isNumber, isOne ? up : points[0]?.output)).join(" "),
    filename: `${model.name}-effect-${effect.name}`,
    height: (width) => HEIGHT + (isNumber ? 0 : turnedHeight(names, width)),
    options: ({ Plot, width }) => ({
      marginLeft: 52,
      marginRight: 12,
      x: { label: fit(label, width), labelAnchor: "center", tickSize: 0, ...(isNumber ? { ticks: width / 70 } : {}) },
      y: { label: fit(up, width), domain: range, grid: true, ticks: 4 },
      ...(isNumber ? {} : categoryAxis(names, fit(label, width), width)),
      marks: [
        Plot.ruleY([range[0]], { stroke: "var(--quiet)" }),
        ...(isNumber ? curves : dots)(Plot, series, title, effect, range),
      ],
    }),
  };
}

function curves(Plot, series, title, { deciles }, range) {
  const top = range[0] + MARK * (range[1] - range[0]);
  return [
    Plot.areaY(series[0].filter(hasBand), { x: "x", y1: "low", y2: "high", ...BAND }),
    Plot.ruleX(deciles, { y1: range[0], y2: top, stroke: "currentColor" }),
    ...series.map((points, at) => Plot.lineY(points, { x: "x", y: "y", ...seriesStyle(at) })),
    tip(Plot, series, title),
  ];
}

/** One tip of all series: of the nearest point, or of the nearest place where there is one series. */
function tip(Plot, series, title) {
  const pointer = series.length > 1 ? "xy" : "x";
  return Plot.dot(series.flat(), {
    x: "x", y: "y", fill: "transparent", title, tip: { preferredAnchor: "bottom", lineWidth: 14, pointer },
  });
}

/** Bars of the band with dots; lines join the dots of a class, so that dashes tell them apart. */
function dots(Plot, series, title) {
  const isOne = series.length === 1;
  return [
    Plot.ruleX(series[0].filter(hasBand), {
      x: "x", y1: "low", y2: "high", stroke: BAND.fill, strokeOpacity: 0.3, strokeWidth: 9,
    }),
    ...(isOne ? [] : series.map((points, at) => Plot.lineY(points, { x: "x", y: "y", ...seriesStyle(at), strokeOpacity: 0.5 }))),
    ...series.map((points, at) => Plot.dot(points, { x: "x", y: "y", r: 4, fill: seriesStyle(at).stroke })),
    tip(Plot, series, title),
  ];
}

/** The label of an axis, with as many letters as there is room for. */
const fit = (label, width) => shorten(label, Math.floor((width - 60) / LETTER));

/** Height that names of categories need beyond one line: they are turned where they are wide. */
function turnedHeight(names, width) {
  const longest = Math.min(MAX_NAME, Math.max(...names.map((name) => name.length)));
  return (longest + 1) * LETTER > (width - 60) / names.length ? 0.65 * longest * LETTER : 0;
}

/** The scale of categories; of many, some are named. */
function categoryAxis(names, label, width) {
  const height = turnedHeight(names, width);
  const step = Math.ceil(names.length / MAX_NAMES);
  return {
    marginBottom: MARGIN_BOTTOM + height,
    x: {
      type: "point", padding: 0.6, domain: names, label, labelAnchor: "center", tickSize: 0,
      ticks: names.filter((_, at) => at % step === 0),
      tickFormat: (name) => shorten(name, MAX_NAME),
      ...(height ? { tickRotate: -40, labelOffset: 34 + height } : {}),
    },
  };
}

const hasBand = ({ low, high }) => Number.isFinite(low) && Number.isFinite(high);

/** What the vertical axis shows. */
function quantity({ curves: [{ output }, ...others] }, model) {
  if (model.task !== "classification") return labelWithUnit(output, unitOf(model, output));
  return others.length ? t("model.effects.probability") : t("model.effects.probability of", { class: output });
}

function tipText(point, name, model, isOne) {
  const { output, value, y, low, high, share } = point;
  const unit = model.task === "classification" ? "" : unitOf(model, output);
  const known = typeof value === "number" ? withUnit(number(value, 3), unitOf(model, name)) : valueText(value);
  const ends = hasBand(point) ? [[90, high], [10, low]] : [];
  return [
    known,
    `${isOne ? t("model.effects.tip mean") : output}: ${withUnit(number(y, 3), unit)}`,
    ...ends.map(([percent, end]) => `${t("model.percent", { value: percent })}: ${withUnit(number(end, 3), unit)}`),
    ...(share === undefined ? [] : [t("model.effects.tip share", { share: number(100 * share, 3) })]),
  ].join("\n");
}

/** A curve or the dots in numbers. */
function describe(points, isNumber, name) {
  if (!points.length) return "";
  if (!isNumber) return `${name}: ${points.map(({ x, y }) => `${x} ${number(y)}`).join("; ")}.`;
  const low = points.reduce((one, other) => (other.y < one.y ? other : one));
  const high = points.reduce((one, other) => (other.y > one.y ? other : one));
  const told = Object.entries({ start: points[0], end: points.at(-1), low, high });
  const values = told.flatMap(([key, { x, y }]) => [[`${key}X`, number(x, 3)], [`${key}Y`, number(y)]]);
  return t("model.effects.words", { name, ...Object.fromEntries(values) });
}
