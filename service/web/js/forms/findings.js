// What is odd about a table, each with a click that mends it where the page can.

import { html, nothing } from "../../vendor/lit-html.js";
import { request, send, upload } from "../api.js";
import { correlate } from "../charts/correlation.js";
import { count, t } from "../i18n.js";
import { go } from "../navigate.js";
import { entryItem } from "../parts/problem.js";
import { announce } from "../screen_reader.js";
import { columnOf, isNumber, isUsable, leaveOut } from "../settings/columns.js";

const SAME = 0.9999; // correlation with the target from which a column looks computed from it
const MOST_TEXTS = 20; // columns of free text that are listed
const AS_CATEGORY = ["large_integers", "mixed_types", "mixed_units"];

/** Columns that have nearly the values of the target, up to scale and shift, in these rows. */
function copiesOf(target, columns, rows) {
  const isNumeric = (name) => columns.some((column) => column.name === name && isNumber(column));
  if (!isNumeric(target)) return [];
  const others = columns.filter(({ name }) => name !== target && isNumeric(name));
  return others.filter(({ name }) => Math.abs(correlate(rows, name, target)) > SAME).map(({ name }) => name);
}

/**
 * @param choice The state of the training form.
 * @param rows The first rows.
 * @param act Functions: change (the form), save (units and types), focusUnit (of a column) and readMissing (a warning).
 */
export function findings(choice, rows, act) {
  const { dataset, target } = choice;
  const warned = dataset.warnings.map((entry) => entryItem(entry, actions(entry.code, entry, choice, act)));
  const isWarned = (name) => dataset.warnings.some((entry) => entry.column === name && AS_CATEGORY.includes(entry.code));
  const texts = dataset.columns.filter(({ name, type, is_id }) => type === "text" && !is_id && !isWarned(name)).slice(0, MOST_TEXTS);
  const own = [
    ...texts.map(({ name }) => ["free_text", name, t("dataset.free text", { name })]),
    ...copiesOf(target, dataset.columns, rows).map((name) => ["copy", name, t("dataset.copy", { name, target, rows: count(rows.length) })]),
  ].map(([code, column, words]) => html`<li>${words} ${actions(code, { column }, choice, act)}</li>`);
  const items = [...warned, ...own];
  if (!items.length) return nothing;
  return html`<section class="warning findings" aria-labelledby="warnings-title">
    <h2 id="warnings-title">${t("dataset.warnings", { count: items.length })}</h2>
    <ul>${items}</ul>
  </section>`;
}

function actions(code, entry, choice, { change, save, focusUnit, readMissing }) {
  const column = columnOf(choice.dataset, entry.column);
  if (!column) return nothing;
  const { name } = column;
  const found = [];
  const offer = (words, act) => found.push(html`<button type="button" class="small" @click=${act}>${words}<span class="visually-hidden">: ${name}</span></button>`);
  if (code === "possible_missing") offer(t("dataset.read missing", { value: entry.value }), () => readMissing(entry));
  if (code === "header_unit") offer(t("dataset.remove unit"), () => save.unit(column, ""));
  if (code === "unknown_unit") offer(t("dataset.correct unit"), () => focusUnit(name));
  if (code === "free_text" || AS_CATEGORY.includes(code)) {
    const isCategory = (choice.dataset.types[name] ?? column.type) === "category";
    const other = isCategory ? column.type : "category";
    offer(t("dataset.read as", { type: t(`type.${other}`) }), () => save.type(column, other));
  }
  if (name !== choice.target && isUsable(column, choice.types) && !code.endsWith("_unit")) {
    const isUsed = choice.features.has(name);
    offer(t(isUsed ? "dataset.leave out" : "dataset.use again"), () => change({ features: leaveOut(choice, name, isUsed) }));
  }
  return found.length ? html`<span class="mend">${found}</span>` : nothing;
}

/** Uploads the table again with a value of a column read as missing, and shows the new dataset. */
export async function readAsMissing(dataset, { column, value }, signal) {
  const content = await (await request("GET", `datasets/${dataset.id}/content`, { signal })).blob();
  const { name, units, types } = dataset;
  const copy = await upload(new File([content], `${name}.parquet`), { name, units, missing: { [column]: [value] }, signal });
  if (Object.keys(types).length) await send("PATCH", `datasets/${copy.id}`, { types }, { signal });
  announce(t("dataset.missing read", { value, name: column }));
  go(`/datasets/${copy.id}`);
}
