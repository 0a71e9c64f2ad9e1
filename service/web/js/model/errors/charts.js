// Charts of the errors of rows: predicted against true values, and residuals. The largest errors are marked.

import { count, number, t } from "../../i18n.js";
import { labelWithUnit, withUnit } from "../labels.js";

const HEIGHT = 320; // pixels
const MANY_ROWS = 500; // with more, points are drawn more transparent

export function parityChart({ rows, largest, target, unit }) {
  const ends = rows.flatMap((row) => [row.true, row.predicted]);
  const [low, high] = [ends.reduce((one, other) => Math.min(one, other)), ends.reduce((one, other) => Math.max(one, other))];
  const worst = [...largest][0];
  const facts = { rows: count(rows.length), low: number(low), high: number(high), error: withUnit(number(Math.abs(worst.error)), unit) };
  return {
    title: t("model.picture.parity.regression"),
    about: t("model.picture.parity.regression about"),
    words: `${t("model.errors.parity words", facts)} ${nameOf(worst)}`,
    height: () => HEIGHT,
    options: ({ Plot }) => ({
      ...axes(labelWithUnit(t("model.errors.true", { target }), unit), labelWithUnit(t("model.errors.predicted", { target }), unit)),
      marks: [
        Plot.line([low, high], { x: (value) => value, y: (value) => value, stroke: "var(--quiet)", strokeDasharray: "4 3" }),
        dots(Plot, rows, largest, unit, { x: "true", y: "predicted" }),
      ],
    }),
  };
}

export function residualChart({ rows, largest, target, unit }) {
  const mean = rows.reduce((sum, { error }) => sum + error, 0) / rows.length;
  return {
    title: t("model.picture.residuals.regression"),
    about: t("model.picture.residuals.regression about"),
    words: t("model.errors.residual words", { rows: count(rows.length), mean: withUnit(number(mean, 3), unit) }),
    height: () => HEIGHT,
    options: ({ Plot }) => ({
      ...axes(labelWithUnit(t("model.errors.predicted", { target }), unit), labelWithUnit(t("model.errors.error"), unit)),
      marks: [
        Plot.ruleY([0], { stroke: "var(--quiet)", strokeDasharray: "4 3" }),
        dots(Plot, rows, largest, unit, { x: "predicted", y: "error" }),
      ],
    }),
  };
}

const nameOf = ({ number: at }) => (at === undefined ? t("model.errors.unnumbered") : t("model.errors.row", { number: count(at + 1) }));

const axes = (x, y) => ({
  marginLeft: 64,
  x: { label: x, inset: 8, grid: true, ticks: 5 },
  y: { label: y, inset: 8, grid: true, ticks: 5 },
});

function dots(Plot, rows, largest, unit, places) {
  return Plot.dot(rows, {
    ...places,
    r: 3,
    fill: (row) => (largest.has(row) ? "var(--bad)" : "var(--accent)"),
    fillOpacity: rows.length > MANY_ROWS ? 0.4 : 0.7,
    title: (row) =>
      [nameOf(row), ...["true", "predicted", "error"].map((name) => `${t(`model.errors.${name} short`)}: ${withUnit(number(row[name]), unit)}`)].join("\n"),
    tip: { fill: "var(--raised)" },
  });
}
