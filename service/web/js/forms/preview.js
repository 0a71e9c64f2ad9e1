// The first rows of a table, as parsed.

import { html } from "../../vendor/lit-html.js";
import { count, decimal, t } from "../i18n.js";
import { endsWithUnit } from "../model/labels.js";
import { momentDigits } from "../parts/moment.js";
import { scrollBox } from "../parts/scroll.js";

const NUMBERS = ["number", "integer"];

export function preview({ columns, rows }, dataset) {
  const known = new Map(dataset.columns.map((column) => [column.name, column]));
  const kind = (name) => (NUMBERS.includes(known.get(name).type) ? "number" : "");
  const heading = (name) => html`<th scope="col" class=${kind(name)}>${name}${dataset.units[name] && !endsWithUnit(name, dataset.units[name]) ? html` <span class="unit">${dataset.units[name]}</span>` : ""}</th>`;
  const words = t("dataset.first rows", { shown: count(rows.length), rows: count(dataset.rows) });
  return scrollBox(
    words,
    html`<table class="preview">
      <caption>${words}</caption>
      <thead><tr>${columns.map(heading)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>${columns.map((name) => html`<td class=${kind(name)}>${formatCell(row[name], known.get(name))}</td>`)}</tr>`)}</tbody>
    </table>`,
  );
}

/** Shows data unchanged: numbers are neither rounded nor grouped, but have the decimal sign of the language. */
function formatCell(value, column) {
  if (value === null || value === undefined) return html`<span class="missing">${t("dataset.empty cell")}</span>`;
  if (column.type === "datetime") return momentDigits(value, column);
  return typeof value === "number" ? String(value).replace(".", decimal) : String(value);
}
