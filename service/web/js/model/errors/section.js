// The errors of single rows: two charts, and the rows with the largest errors, which lead to the prediction form.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { get } from "../../api.js";
import { showChart } from "../../charts/chart.js";
import { count, number, t } from "../../i18n.js";
import { problem } from "../../parts/problem.js";
import { table } from "../../parts/table.js";
import { goTo } from "../contents.js";
import { unitOf, withUnit } from "../labels.js";
import { realRows } from "../rows.js";
import { parityChart, residualChart } from "./charts.js";

const MAX_LISTED_ROWS = 10; // of the table, and marked in the charts

/** Renders nothing for models without such rows: classifiers, densities and solutions. */
export function rowErrors(root, page) {
  const { parity, measured_on: place } = page.measured ?? {};
  if (!parity) return;
  const rows = rowsOf(parity);
  if (!rows.length) return;
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
