// The errors of single rows: predicted against true values, residuals, and the rows with the largest errors.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { get } from "../api.js";
import { showChart } from "../charts/chart.js";
import { count, number, t } from "../i18n.js";
import { problem } from "../parts/problem.js";
import { table } from "../parts/table.js";
import { goTo } from "./contents.js";
import { labelWithUnit, unitOf, withUnit } from "./labels.js";
import { realRows } from "./rows.js";

const MAX_LISTED_ROWS = 10; // of the table, and marked in the charts
const HEIGHT = 320;

/** Renders nothing for models without such rows: classifiers, densities and solutions. */
export function rowErrors(root, page) {
  const { parity, measured_on: place } = page.measured ?? {};
  if (!parity) return;
  const rows = rowsOf(parity);
  const unit = unitOf(page.model, page.model.target);
  const show = (row) => showRow(row, page, root.querySelector(".answer"));
  const largest = [...rows].sort((one, other) => Math.abs(other.error) - Math.abs(one.error)).slice(0, MAX_LISTED_ROWS);
  render(
    html`<h3>${t("model.errors.title")}</h3>
      <p>${t(`model.errors.${place}`, { rows: count(rows.length) })}</p>
      <div class="charts"><div class="row-chart"></div><div class="row-chart"></div></div>
      <h4>${t("model.errors.largest")}</h4>
      ${largestTable(largest, unit, page.model.dataset_id && show)}
      <div class="answer"></div>`,
    root,
  );
  const given = { rows, largest: new Set(largest), target: page.model.target, unit };
  [parityChart(given), residualChart(given)].forEach((chart, at) =>
    showChart(root.querySelectorAll(".row-chart")[at], {
      ...chart,
      height: () => HEIGHT,
      filename: `${page.model.name}-${at ? "residuals" : "parity"}`,
      onSelect: (row) => page.model.dataset_id && row.number !== undefined && show(row),
    }),
  );
}

/** Rows as {number, true, predicted, error}; models of earlier versions have no numbers. Numbers count from 0. */
function rowsOf({ true: values, predicted, numbers }) {
  const rows = values.map((value, at) => ({ number: numbers?.[at], true: value, predicted: predicted[at], error: predicted[at] - value }));
  return rows.filter((row) => row.true !== null && row.predicted !== null);
}

const nameOf = ({ number: at }) => (at === undefined ? t("model.errors.unnumbered") : t("model.errors.row", { number: count(at + 1) }));

function parityChart({ rows, largest, target, unit }) {
  const ends = rows.flatMap((row) => [row.true, row.predicted]);
  const [low, high] = [ends.reduce((one, other) => Math.min(one, other)), ends.reduce((one, other) => Math.max(one, other))];
  const worst = [...largest][0];
  const facts = { rows: count(rows.length), low: number(low), high: number(high), error: withUnit(number(Math.abs(worst.error)), unit) };
  return {
    title: t("model.picture.parity.regression"),
    about: t("model.picture.parity.regression about"),
    words: `${t("model.errors.parity words", facts)} ${nameOf(worst)}`,
    options: ({ Plot }) => ({
      ...axes(labelWithUnit(t("model.errors.true", { target }), unit), labelWithUnit(t("model.errors.predicted", { target }), unit)),
      marks: [
        Plot.line([low, high], { x: (value) => value, y: (value) => value, stroke: "var(--quiet)", strokeDasharray: "4 3" }),
        dots(Plot, rows, largest, unit, { x: "true", y: "predicted" }),
      ],
    }),
  };
}

function residualChart({ rows, largest, target, unit }) {
  const mean = rows.reduce((sum, { error }) => sum + error, 0) / rows.length;
  return {
    title: t("model.picture.residuals.regression"),
    about: t("model.picture.residuals.regression about"),
    words: t("model.errors.residual words", { rows: count(rows.length), mean: withUnit(number(mean, 3), unit) }),
    options: ({ Plot }) => ({
      ...axes(labelWithUnit(t("model.errors.predicted", { target }), unit), labelWithUnit(t("model.errors.error"), unit)),
      marks: [
        Plot.ruleY([0], { stroke: "var(--quiet)", strokeDasharray: "4 3" }),
        dots(Plot, rows, largest, unit, { x: "predicted", y: "error" }),
      ],
    }),
  };
}

const axes = (x, y) => ({
  marginLeft: 64,
  x: { label: x, inset: 8, grid: true, ticks: 5, tickFormat: (value) => number(value) },
  y: { label: y, inset: 8, grid: true, ticks: 5, tickFormat: (value) => number(value) },
});

function dots(Plot, rows, largest, unit, places) {
  return Plot.dot(rows, {
    ...places,
    r: 3,
    fill: (row) => (largest.has(row) ? "var(--bad)" : "var(--accent)"),
    fillOpacity: rows.length > 500 ? 0.4 : 0.7,
    title: (row) =>
      [nameOf(row), ...["true", "predicted", "error"].map((name) => `${t(`model.errors.${name} short`)}: ${withUnit(number(row[name]), unit)}`)].join("\n"),
    tip: { fill: "var(--raised)" },
  });
}

function largestTable(rows, unit, show) {
  const hasNumbers = rows.some((row) => row.number !== undefined);
  const canShow = show && hasNumbers;
  const names = ["true", "predicted", "error"];
  const head = [...(hasNumbers ? [t("model.errors.row head")] : []), ...names.map((name) => t(`model.errors.${name} short`)), ...(canShow ? [t("model.errors.try")] : [])];
  const lines = rows.map((row) => [
    ...(hasNumbers ? [count(row.number + 1)] : []),
    ...names.map((name) => withUnit(number(row[name]), unit)),
    ...(canShow
      ? [html`<button class="small" aria-label=${t("model.errors.try row", { number: count(row.number + 1) })} @click=${() => show(row)}>${t("model.errors.try this")}</button>`]
      : []),
  ]);
  return table(t("model.errors.largest"), head, lines, { numbers: names.map((_, at) => at + (hasNumbers ? 1 : 0)) });
}

/** Puts a row of the dataset into the prediction form. */
async function showRow({ number: offset }, page, place) {
  try {
    const found = await get(`datasets/${page.model.dataset_id}/preview?limit=1&offset=${offset}`, { signal: page.signal });
    const [real] = realRows(page.model, found);
    render(real ? nothing : html`<p class="note">${t("model.errors.incomplete")}</p>`, place);
    if (!real) return;
    page.row.set(real.row);
    goTo("try");
  } catch (error) {
    if (error.name !== "AbortError") render(problem(error), place);
  }
}
