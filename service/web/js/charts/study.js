// The result of a study: bars, a table with a row for every training, and charts if grids vary.

import { html, nothing } from "../../vendor/lit-html.js";
import { attempt, get, text } from "../api.js";
import { loadCodes, named, number, t } from "../i18n.js";
import { settingValue, settingWords } from "../settings/fields.js";
import { problemText } from "../parts/problem_text.js";
import { scrollBox } from "../parts/scroll.js";
import { studyBars } from "./study_bars.js";
import { studyCharts } from "./study_charts.js";

const SHOWN = 200;
const HIDDEN = ["model_id", "job_id", "model", "status"];

const BASELINE = /^(linear|mlp\w*|boosting)\.(\w+)$/;
const BASELINE_SHOWN = ["rmse", "log_loss", "parameters"];

/** The result of a study: its view, with places for the charts if there are any. */
export async function resultOf(job, signal) {
  const [content] = await Promise.all([text(`jobs/${job.id}/result`, { signal }), loadCodes()]);
  if (content.startsWith("PAR1")) return { view: nothing, charts: [] };
  const [names, ...rows] = parseCsv(content);
  const charts = studyCharts({ names, rows }, await orderOf(names, rows, signal), job.dataset_name ?? "study");
  const view = html`${tableOf(names, rows)} ${charts.map(() => html`<div class="study-chart"></div>`)}`;
  return { view, charts };
}

/** The order of the splines, which is the same in all trainings; null if it varies or is unknown. */
async function orderOf(names, rows, signal) {
  const id = rows.map((row) => row[names.indexOf("model_id")]).find(Boolean);
  if (!id || names.includes("network.order")) return null;
  const { body } = await attempt(get(`models/${id}`, { signal }));
  return body?.network.order ?? null;
}

/** The result as bars and a table. */
function tableOf(allNames, allRows) {
  const [names, ...rows] = selectColumns([allNames, ...allRows]);
  return html`${studyBars(allNames, allRows.slice(0, SHOWN))}
  ${scrollBox(
    t("job.study"),
    html`<table class="preview">
      <caption>${t("job.study")}</caption>
      <thead><tr>${names.map((name) => html`<th scope="col">${heading(name)}</th>`)}</tr></thead>
      <tbody>${rows.slice(0, SHOWN).map((row) => html`<tr>${row.map((cell, place) => html`<td>${formatCell(names[place], cell)}</td>`)}</tr>`)}</tbody>
    </table>`,
  )}`;
}

/** Removes columns for programs and empty columns, and puts the link to the model first. */
function selectColumns([names, ...rows]) {
  const isWanted = (name) => !HIDDEN.includes(name) && BASELINE_SHOWN.includes(BASELINE.exec(name)?.[2] ?? BASELINE_SHOWN[0]);
  const places = [...names.keys()].filter((place) => isWanted(names[place]) && rows.some((row) => row[place] !== ""));
  const order = [names.indexOf("model_id"), ...places];
  return [names, ...rows].map((row) => order.map((place) => row[place]));
}

/** The heading of a column: a column of the study, a metric, or a setting. */
function heading(name) {
  const [, baseline, what] = BASELINE.exec(name) ?? [];
  if (baseline) return `${baselineWords(baseline)}: ${heading(what)}`;
  const known = [named("job.study.column", name), named("model.metric", name), settingWords(name)];
  return known.find((words) => words !== name) ?? name;
}

/** Converts "mlp_29x29" to "Ordinary network (MLP 29x29)". */
function baselineWords(name) {
  const [, shape] = /^mlp_(.+)$/.exec(name) ?? [];
  if (!shape) return t(`model.baseline.${name}`);
  return t("model.baseline.mlp shape", { shape: shape === "matched" ? t("model.baseline.matched") : shape.replace("about_", "≈ ") });
}

function formatCell(name, cell) {
  if (name === "error" && cell) return errorWords(cell);
  if (name === "verdict") return named("model.verdict", cell);
  if (name === "model_id") return cell ? html`<a href="#/models/${cell}">${t("list.model")}</a>` : "–";
  return cell !== "" && Number.isFinite(Number(cell)) ? number(Number(cell)) : settingValue(name, cell);
}

/** The error of a training, as "code: detail". */
function errorWords(cell) {
  const [, code, detail] = /^(\w+): (.*)$/s.exec(cell) ?? ["", "", cell];
  return problemText({ code, detail });
}

/** Parses CSV (RFC 4180). */
function parseCsv(content) {
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
