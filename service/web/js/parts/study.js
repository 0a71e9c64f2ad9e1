// What came of a study: bars, and a table with a row for every training.

import { html, nothing } from "../../vendor/lit-html.js";
import { get, text } from "../api.js";
import { number, t } from "../i18n.js";
import { scrollBox } from "./scroll.js";
import { studyBars } from "./study_bars.js";

const SHOWN = 200;
const HIDDEN = ["model_id", "job_id", "model", "status"];

/** The result of a study as a table; nothing where it was asked for as Parquet. */
export async function studyOf(job, signal) {
  const content = await text(`jobs/${job.id}/result`, { signal });
  if (content.startsWith("PAR1")) return nothing;
  const table = parsed(content);
  const [names, ...rows] = withLinks(table);
  return html`${studyBars(table[0], table.slice(1, SHOWN + 1))}
  ${scrollBox(
    t("job.study"),
    html`<table class="preview">
      <caption>${t("job.study")}</caption>
      <thead><tr>${names.map((name) => html`<th scope="col">${name === "model_id" ? t("list.result") : name}</th>`)}</tr></thead>
      <tbody>${rows.slice(0, SHOWN).map((row) => html`<tr>${row.map((cell, place) => html`<td>${shown(names[place], cell)}</td>`)}</tr>`)}</tbody>
    </table>`,
  )}`;
}

/** Without what only programs want; what leads to a model comes first. */
function withLinks([names, ...rows]) {
  const kept = names.map((name, place) => [name, place]).filter(([name]) => !HIDDEN.includes(name));
  const order = [names.indexOf("model_id"), ...kept.map(([, place]) => place)];
  return [names, ...rows].map((row) => order.map((place) => row[place]));
}

function shown(name, cell) {
  if (name === "model_id") return cell ? html`<a href="#/models/${cell}">${t("list.model")}</a>` : "–";
  return cell !== "" && Number.isFinite(Number(cell)) ? number(Number(cell)) : cell;
}

/** CSV as the service writes it (RFC 4180). */
export function parsed(content) {
  const rows = [];
  let row = [];
  for (const [, quoted, plain, end] of content.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    if (row.length > 1 || row[0]) rows.push(row);
    row = [];
    if (!end) break;
  }
  return rows;
}
