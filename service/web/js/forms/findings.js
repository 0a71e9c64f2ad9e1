// What is odd about a table, each with a click that mends it where the page can, and how the table was read.

import { html, nothing } from "../../vendor/lit-html.js";
import { request, send, upload, uploadedFile } from "../api.js";
import { correlate } from "../charts/correlation.js";
import { count, language, number, t } from "../i18n.js";
import { go } from "../navigate.js";
import { entryItem } from "../parts/problem.js";
import { announce } from "../screen_reader.js";
import { columnOf, isNumber, isUsable, leaveOut } from "../settings/columns.js";

const SAME = 0.9999; // correlation with the target from which a column looks computed from it
const LEAST_ROWS = 20; // from which a lone value is told
const MOST_TEXTS = 20; // columns of free text that are listed
const FEW = 3; // notes that are open at first
const NOTES = [ // what was done with a table in which nothing is wrong
  "header_unit", "declared_missing", "dropped_rows", "swapped_dates", "date_form", "missing_words", "units_in_cells",
  "separator", "decimal_comma", "thousands_comma", "empty_columns", "empty_rows",
];
const AS_CATEGORY = ["large_integers", "mixed_types", "mixed_units", "code_numbers"];
const ENCODINGS = [ // and what they write
  ["cp1251", "Cyrl"], ["koi8-r", "Cyrl"], ["cp866", "Cyrl"], ["cp1252", "Latn"], ["cp1250", "Latn"], ["cp1253", "Grek"],
  ["gb18030", "Hans"], ["big5", "Hant"], ["shift_jis", "Jpan"], ["cp949", "Kore"],
];

/** Columns that have nearly the values of the target, up to scale and shift, in these rows. */
function copiesOf(target, columns, rows) {
  const isNumeric = (name) => columns.some((column) => column.name === name && isNumber(column));
  if (!isNumeric(target)) return [];
  const others = columns.filter(({ name }) => name !== target && isNumeric(name));
  return others.filter(({ name }) => Math.abs(correlate(rows, name, target)) > SAME).map(({ name }) => name);
}

/**
 * @param choice The state of the training form.
 * @param rows A sample of the rows.
 * @param act Functions: change (the form), save (units and types), focusUnit (of a column), and readMissing (a value in
 *   columns), dropRepeats and swapDates (of a column), which copy the table, and readAs (an encoding).
 */
export function findings(choice, rows, act) {
  const { dataset, target } = choice;
  const isNote = ({ code }) => NOTES.includes(code);
  const isMissing = ({ code }) => code === "possible_missing";
  const item = (entry) => {
    const [words, found] = [wordsOf(entry, dataset), actions(entry.code, entry, choice, act)];
    return words ? html`<li>${words} ${found}</li>` : entryItem(entry, found);
  };
  const warned = dataset.warnings.filter((entry) => !isNote(entry) && !isMissing(entry)).map(item);
  const codes = new Set(dataset.warnings.filter(isMissing).map(({ value }) => value));
  const missing = [...codes].map((value) => missingItem(value, dataset.warnings.filter((entry) => isMissing(entry) && entry.value === value), choice, act));
  const isWarned = (name) => dataset.warnings.some((entry) => entry.column === name && AS_CATEGORY.includes(entry.code));
  const texts = dataset.columns.filter(({ name, type, is_id }) => type === "text" && !is_id && !isWarned(name)).slice(0, MOST_TEXTS);
  const lone = dataset.columns.map((column) => [column, loneValue(column)]).filter(([{ is_id, possible_missing: known }, value]) => value !== null && !is_id && !known.length)
    .map(([{ name }, value]) => html`<li>${t("dataset.outlier", { name, value: number(value) })} <span class="mend">${missingButton(value, [name], act)}</span></li>`);
  const own = [
    ...texts.map(({ name }) => ["free_text", name, t("dataset.free text", { name })]),
    ...copiesOf(target, dataset.columns, rows).map((name) => ["copy", name, t("dataset.copy", { name, target, rows: count(rows.length), all: count(dataset.rows) })]),
  ].map(([code, column, words]) => html`<li>${words} ${actions(code, { column }, choice, act)}</li>`);
  const items = [...missing, ...warned, ...own, ...lone];
  const notes = dataset.warnings.filter(isNote).map(item);
  return html`${items.length
      ? html`<section class="warning findings" aria-labelledby="warnings-title">
          <h2 id="warnings-title">${t("dataset.warnings", { count: items.length })}</h2>
          <ul>${items}</ul>
        </section>`
      : nothing}
    ${notes.length ? html`<details class="note findings" ?open=${notes.length <= FEW}><summary>${t("dataset.notes")}</summary><ul>${notes}</ul></details>` : nothing}`;
}

/** A number that may mean a missing value, in all columns that have it. */
function missingItem(value, entries, choice, act) {
  const names = entries.map(({ column, count: rows }) => `${column} (${t("count.rows", { count: rows, shown: count(rows) })})`).join(", ");
  const button = missingButton(value, entries.map(({ column }) => column), act);
  const others = entries.length === 1 ? actions("possible_missing", entries[0], choice, act) : nothing;
  return html`<li>${t("dataset.possible missing", { value, names })} <span class="mend">${button}${others}</span></li>`;
}

const missingButton = (value, names, { readMissing }) => html`<button type="button" class="small" @click=${() => readMissing(value, names)}>${t("dataset.read missing", { value })}</button>`;

/** The smallest or largest value if half of the range between it and all others is empty, else null. */
function loneValue({ histogram, min, max }) {
  const counts = histogram?.counts ?? [];
  if (counts.reduce((sum, found) => sum + found, 0) < LEAST_ROWS) return null;
  const isLone = ([end, ...others]) => end === 1 && others.slice(0, counts.length / 2).every((found) => !found);
  return isLone(counts) ? min : isLone([...counts].reverse()) ? max : null;
}

/** What the page says of an entry in place of the API, if anything. */
function wordsOf({ code, column, count: rows }, { units }) {
  if (code === "header_unit") return t("dataset.unit read", { name: column, unit: units[column] });
  if (code === "ambiguous_dates") return t("dataset.ambiguous dates", { name: column });
  const name = { repeated_rows: "repeats", dropped_rows: "dropped" }[code];
  return name && rows ? t(`dataset.${name}`, { count: rows, shown: count(rows) }) : null;
}

function actions(code, entry, choice, { change, save, focusUnit, dropRepeats, swapDates, readAs }) {
  if (code === "encoding") return uploadedFile(choice.dataset.id) ? encodingField(readAs) : nothing;
  if (code === "repeated_rows") return html`<span class="mend"><button type="button" class="small" @click=${dropRepeats}>${t("dataset.drop repeats")}</button></span>`;
  const column = columnOf(choice.dataset, entry.column);
  if (!column) return nothing;
  const { name } = column;
  const found = [];
  const offer = (words, act) => found.push(html`<button type="button" class="small" @click=${act}>${words}<span class="visually-hidden">: ${name}</span></button>`);
  if (code === "ambiguous_dates") offer(t("dataset.swap dates"), () => swapDates(name));
  if (code === "header_unit") offer(t("dataset.remove unit"), () => save.unit(column, ""));
  if (code === "unknown_unit") offer(t("dataset.correct unit"), () => focusUnit(name));
  if (code === "free_text" || AS_CATEGORY.includes(code)) {
    const isCategory = (choice.dataset.types[name] ?? column.type) === "category";
    const other = isCategory ? column.type : "category";
    offer(t("dataset.read as", { type: t(`type.${other}`) }), () => save.type(column, other));
  }
  if (name !== choice.target && isUsable(column, choice.types) && !code.endsWith("_unit") && !NOTES.includes(code)) {
    const isUsed = choice.features.has(name);
    offer(t(isUsed ? "dataset.leave out" : "dataset.use again"), () => change({ features: leaveOut(choice, name, isUsed) }));
  }
  return found.length ? html`<span class="mend">${found}</span>` : nothing;
}

function encodingField(readAs) {
  const scripts = new Intl.DisplayNames(language, { type: "script" });
  const options = ENCODINGS.map(([name, script]) => html`<option value=${name}>${name} (${scripts.of(script)})</option>`);
  return html`<label class="mend">${t("dataset.encoding")} <select @change=${(event) => event.target.value && readAs(event.target.value)}>
    <option value="">${t("dataset.encoding guessed")}</option>${options}
  </select></label>`;
}

/** Uploads the file again in another encoding, and shows the new dataset. */
export async function readInEncoding({ id, name }, encoding, signal) {
  const { id: made } = await upload(uploadedFile(id), { name, encoding, signal });
  go(`/datasets/${made}`);
  announce(t("dataset.encoding read", { encoding }));
}

/** Uploads the table again with a value of some columns read as missing, and shows the new dataset. */
export async function readAsMissing(dataset, value, columns, signal) {
  await copy(dataset, { missing: Object.fromEntries(columns.map((name) => [name, [value]])) }, signal);
  announce(t("dataset.missing read", { value, name: columns.join(", ") }));
}

/** Uploads the table again without rows that repeat an earlier one, and shows the new dataset. */
export async function dropRepeatedRows(dataset, signal) {
  await copy(dataset, { repeatedRows: "drop" }, signal);
  announce(t("dataset.repeats dropped"));
}

/** Uploads the table again with day and month of a column exchanged, and shows the new dataset. */
export async function swapDayAndMonth(dataset, name, signal) {
  await copy(dataset, { swapped: [name] }, signal);
  announce(t("dataset.dates swapped", { name }));
}

async function copy(dataset, changes, signal) {
  const content = await (await request("GET", `datasets/${dataset.id}/content`, { signal })).blob();
  const { name, units, types } = dataset;
  const made = await upload(new File([content], `${name}.parquet`), { name, units, ...changes, signal });
  if (Object.keys(types).length) await send("PATCH", `datasets/${made.id}`, { types }, { signal });
  go(`/datasets/${made.id}`);
}
