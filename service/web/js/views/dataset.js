// A dataset: its columns, and the form for a training on it.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { attempt, get, send } from "../api.js";
import { go } from "../navigate.js";
import { count, loadCodes, t, time } from "../i18n.js";
import { columnCard } from "../forms/column_card.js";
import { columnEdits, unitId } from "../forms/column_edits.js";
import { askConfirmation } from "../parts/confirm.js";
import { saveButton } from "../parts/downloads.js";
import { keepFocus } from "../parts/focus.js";
import { dropRepeatedRows, findings, readAsMissing, readInEncoding, swapDayAndMonth } from "../forms/findings.js";
import { loadSample, matrixSection, WIDE } from "../forms/matrix_section.js";
import { preview } from "../forms/preview.js";
import { entryText } from "../parts/problem_text.js";
import { trainPanel } from "../forms/train_panel.js";
import { bodyOf, missingField, studyOf } from "../settings/body.js";
import { densities, isUsable } from "../settings/columns.js";
import { fieldOf, initialValues } from "../settings/fields.js";

const CARDS = 60; // cards per page
const ROWS = 20; // shown
const FIRST = 200; // rows that charts and findings see until the sample has come

export default async function view({ root, params, signal }) {
  const path = `datasets/${encodeURIComponent(params.id)}`;
  const [dataset] = await Promise.all([get(path, { signal }), loadCodes()]);
  const first = await get(`${path}/preview?limit=${dataset.columns.length > WIDE ? ROWS : FIRST}`, { signal });
  const usable = dataset.columns.filter((column) => isUsable(column, dataset.types)).map((column) => column.name);
  let state = {
    choice: { dataset, target: suggestTarget(dataset), features: new Set(usable), types: dataset.types, values: initialValues() },
    edits: {},
    mistakes: {},
    failed: null,
    isSending: false,
    rows: first.rows,
    cards: CARDS,
  };
  const set = (changes) => {
    state = { ...state, ...changes };
    keepFocus(root, () => render(page(state, first, { change, train, study, more, remove, showDensity, focusUnit, readMissing, dropRepeats, swapDates, readAs, save }), root));
  };
  const change = (changes) => set({ choice: { ...state.choice, ...changes }, mistakes: {}, failed: null });
  const more = () => set({ cards: state.cards + CARDS });

  const save = columnEdits({ path, signal, set, choice: () => state.choice, edits: () => state.edits });
  const showDensity = (name) => {
    change({ target: null, density: [name, ""] });
    const field = root.querySelector("#set-density-first");
    field.closest("section").scrollIntoView({ block: "nearest" });
    field.focus({ preventScroll: true });
  };

  const focusUnit = (name) => {
    const place = state.choice.dataset.columns.findIndex((column) => column.name === name);
    set({ cards: Math.max(state.cards, place + 1) });
    document.getElementById(unitId(dataset, name)).focus();
  };
  const mend = async (copied) => {
    const { problem } = await attempt(copied);
    if (problem) set({ failed: problem });
  };
  const readMissing = (value, columns) => mend(readAsMissing(state.choice.dataset, value, columns, signal));
  const swapDates = (name) => mend(swapDayAndMonth(state.choice.dataset, name, signal));
  const readAs = (encoding) => mend(readInEncoding(state.choice.dataset, encoding, signal));
  const dropRepeats = () => mend(dropRepeatedRows(state.choice.dataset, signal));

  const train = () => submit(bodyOf(state.choice), t("dataset.submitted"));
  const study = () => submit(studyOf(state.choice), t("dataset.study submitted"));

  async function submit(body, done) {
    const missing = missingField(body);
    if (missing) return showMistakes({ mistakes: { [missing]: t(`set.${missing}.missing`) } });
    set({ isSending: true, failed: null, mistakes: {} });
    try {
      const job = await send("POST", "jobs", body, { signal });
      announce(done);
      go(`/jobs/${job.id}?new`);
    } catch (error) {
      if (error.name !== "AbortError") showMistakes(groupMistakes(error, root));
    }
  }

  function showMistakes(wrong) {
    set({ isSending: false, failed: null, mistakes: {}, ...wrong });
    focusFirstMistake(root, state.mistakes);
  }

  async function remove() {
    const question = { title: t("dataset.delete title", { name: dataset.name }), about: t("dataset.delete about"), action: t("delete") };
    if (!(await askConfirmation(question))) return;
    try {
      await send("DELETE", path);
      announce(t("dataset.deleted", { name: dataset.name }));
      go("/datasets");
    } catch (error) {
      set({ failed: error });
    }
  }

  set({});
  loadSample(dataset, path, first.rows, signal).then((rows) => {
    set({ rows });
    root.querySelector(".matrix-section")?.dispatchEvent(new Event("toggle"));
  }, () => {}); // without a sample the first rows are good enough
}

/** The last usable column, because measured quantities usually come last. */
function suggestTarget({ columns, types }) {
  const possible = columns.filter((column) => isUsable(column, types));
  return (possible.at(-1) || columns.at(-1)).name;
}

/** Groups the entries of an error by field. Without any field, the error is shown as a whole. */
function groupMistakes(error, root) {
  const mistakes = {};
  for (const entry of error.errors || []) {
    const name = fieldOf(entry.pointer);
    if (!name || !root.querySelector(`#set-${name}`)) continue;
    mistakes[name] = mistakes[name] ? html`${mistakes[name]}; ${entryText(entry)}` : entryText(entry);
  }
  return Object.keys(mistakes).length ? { mistakes } : { failed: error };
}

function focusFirstMistake(root, mistakes) {
  const [name] = Object.keys(mistakes);
  if (!name) {
    root.querySelector(".train .problem")?.scrollIntoView({ block: "nearest" });
    return;
  }
  const field = root.querySelector(`#set-${name}`);
  const hidden = field.closest("details");
  if (hidden) hidden.open = true;
  field.focus();
  announce(root.querySelector(`#set-${name}-wrong`).textContent);
}

function page({ cards, edits, rows, ...panel }, first, { change, train, study, more, remove, showDensity, focusUnit, readMissing, dropRepeats, swapDates, readAs, save }) {
  const { dataset, target } = panel.choice;
  const possible = densities(panel.choice);
  const card = (column) => ({ dataset, target, canHaveDensity: possible.includes(column.name), edit: edits[column.name] });
  const act = { save, showDensity, choose: (name) => change({ target: name }) };
  return html`<h1>${dataset.name}</h1>
    <p class="lead">${t("dataset.size", { rows: t("count.rows", { count: dataset.rows, shown: count(dataset.rows) }), columns: t("count.columns", { count: dataset.columns.length }), when: time(dataset.created_at) })}</p>
    ${findings(panel.choice, rows, { change, save, focusUnit, readMissing, dropRepeats, swapDates, readAs })}
    ${trainPanel({ ...panel, change, train, study })}
    <h2 id="columns-title">${t("list.columns")}</h2>
    <ul class="columns grid" aria-labelledby="columns-title">
      ${dataset.columns.slice(0, cards).map((column) => columnCard(column, card(column), act))}
    </ul>
    ${dataset.columns.length > cards
      ? html`<p class="actions"><button type="button" @click=${more}>${t("dataset.more columns", { count: dataset.columns.length - cards })}</button></p>`
      : nothing}
    ${matrixSection(panel.choice, rows)}
    <h2>${t("dataset.preview")}</h2>
    ${preview({ ...first, rows: first.rows.slice(0, ROWS) }, dataset)}
    <p class="actions">
      ${saveButton(`datasets/${dataset.id}/content`, `${dataset.name}.parquet`, t("dataset.download"), { look: "" })}
      <button type="button" class="danger" @click=${remove}>${t("delete")}</button>
    </p>`;
}
