// The form for differential equations, with error messages by line.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { get, send } from "../api.js";
import { DECAY, EMPTY, NEEDED, placeOf, read } from "../equations/body.js";
import { go } from "../navigate.js";
import { t } from "../i18n.js";
import { keepFocus } from "../parts/focus.js";
import { labelledField } from "../parts/labelled.js";
import { problem } from "../parts/problem.js";
import { recipes } from "../parts/code_recipes.js";
import { entryText } from "../parts/problem_text.js";

const TABLES = 50; // datasets offered as measurements
const EXCERPT_CHARACTERS = 40; // characters shown on both sides of an error
let kept = { values: EMPTY, isOpen: false }; // keeps the input when the user returns to the page

/** An element with the form, collapsed at first. */
export function solveForm({ signal }) {
  const host = document.createElement("div");
  let state = { mistakes: {}, failed: null, isSending: false, tables: [] };
  const set = (changes) => {
    state = { ...state, ...changes };
    keepFocus(host, () => render(template({ ...state, ...kept }, { change, fill, submit, toggle }), host));
  };
  const change = (values) => {
    kept = { ...kept, values: { ...kept.values, ...values } };
    set({ mistakes: {}, failed: null });
  };
  const fill = () => change(DECAY);

  async function toggle(event) {
    if (event.target !== event.currentTarget || event.target.open === kept.isOpen) return;
    kept = { ...kept, isOpen: event.target.open };
    if (kept.isOpen) await loadTables();
  }

  async function loadTables() {
    const { items } = await get(`datasets?limit=${TABLES}`, { signal }).catch(() => ({ items: [] })); // the form works without datasets
    if (signal.aborted) return;
    if (!items.some(({ id }) => id === kept.values.measurements)) kept = { ...kept, values: { ...kept.values, measurements: "" } };
    set({ tables: items });
  }

  async function submit(event) {
    event.preventDefault();
    if (state.isSending) return;
    const { body, lines } = read(kept.values);
    const mistakes = findMistakes(lines, kept.values);
    if (Object.keys(mistakes).length) return showMistakes({ mistakes });
    set({ isSending: true, mistakes: {}, failed: null });
    try {
      const job = await send("POST", "jobs", body, { signal });
      announce(t("solve.submitted"));
      go(`/jobs/${job.id}?new`);
    } catch (error) {
      if (error.name !== "AbortError") showMistakes(groupMistakes(error, lines));
    }
  }

  function showMistakes(wrong) {
    set({ isSending: false, mistakes: {}, failed: null, ...wrong });
    focusFirstMistake(host, state.mistakes);
  }

  set({});
  if (kept.isOpen) loadTables();
  return host;
}

/** Errors by field that the page itself detects: empty fields and lines with a syntax error. */
function findMistakes(lines, values) {
  const mistakes = {};
  for (const field of NEEDED) if (!values[field].trim()) mistakes[field] = [{ words: t("solve.needed") }];
  for (const [field, all] of Object.entries(lines)) {
    const wrong = all.filter(({ told }) => !told);
    if (wrong.length) mistakes[field] = wrong.map((line) => ({ line, words: t(`solve.${field}.wrong`) }));
  }
  return mistakes;
}

/** Groups the entries of an error by field. Without any field, the error is shown as a whole. */
function groupMistakes(error, lines) {
  const mistakes = {};
  for (const entry of error.errors) {
    const place = placeOf(entry, lines);
    if (place) (mistakes[place.field] ??= []).push({ line: place.line, character: entry.character, words: entryText(entry) });
  }
  return Object.keys(mistakes).length ? { mistakes } : { failed: error };
}

function focusFirstMistake(host, mistakes) {
  const name = Object.keys(EMPTY).find((field) => mistakes[field]);
  if (!name) {
    host.querySelector(".problem")?.scrollIntoView({ block: "nearest" });
    return;
  }
  const field = host.querySelector(`#solve-${name}`);
  const inner = field.closest("details details");
  if (inner) inner.open = true;
  field.focus();
  const { line, character } = mistakes[name][0];
  if (line) {
    const from = line.start + [...line.text].slice(0, (character ?? 1) - 1).join("").length;
    field.setSelectionRange(from, character ? from + 1 : line.start + line.text.length);
  }
  announce(host.querySelector(`#solve-${name}-wrong`).textContent);
}

function template({ values, isOpen, mistakes, failed, isSending, tables }, { change, fill, submit, toggle }) {
  const field = (name, control, words = t(`solve.${name}`), hint = t(`solve.${name}.hint`)) => solveField({ name, control, words, hint, mistakes, values, change });
  return html`<details class="card solve" ?open=${isOpen} @toggle=${toggle}>
    <summary>${t("solve.title")}</summary>
    <p class="hint">${t("solve.about")} <a href="guide/equations">${t("solve.language")}</a></p>
    <form @submit=${submit} novalidate>
      <div class="solve-fields">
        ${field("variables", area(2))} ${field("unknowns", oneLine)} ${field("equations", area(3))} ${field("conditions", area(3))}
      </div>
      <details>
        <summary>${t("solve.more")}</summary>
        <div class="solve-fields">
          ${field("parameters", area(2))}
          ${field("measurements", choice([["", t("solve.measurements.none")], ...tables.map(({ id, name }) => [id, name])]))}
          ${field("hidden", oneLine, t("set.hidden"))}
          ${field("name", oneLine, t("set.model_name"), t("set.model_name.hint"))}
        </div>
      </details>
      ${failed ? problem(failed) : nothing}
      <p class="actions">
        <button class="primary big" aria-disabled=${isSending ? "true" : "false"}>${t("solve.solve")}</button>
        <button type="button" @click=${fill}>${t("solve.example")}</button>
      </p>
    </form>
    <details>
      <summary>${t("dataset.code")}</summary>
      <p class="hint">${t("dataset.code about")}</p>
      ${recipes(read(values).body)}
    </details>
  </details>`;
}

function solveField({ name, control, words, hint, mistakes, values, change }) {
  const id = `solve-${name}`;
  const given = {
    id,
    value: values[name],
    isWrong: mistakes[name] ? "true" : "false",
    about: `${id}-hint ${id}-wrong`,
    set: (event) => change({ [name]: event.target.value }),
  };
  return labelledField(id, words, hint, () => html`${control(given)}<span class="wrong" id="${id}-wrong">${(mistakes[name] ?? []).map(mistake)}</span>`);
}

const area = (rows) => ({ id, value, isWrong, about, set }) =>
  html`<textarea id=${id} rows=${rows} spellcheck="false" autocapitalize="off" autocomplete="off" .value=${value} aria-invalid=${isWrong} aria-describedby=${about} @input=${set}></textarea>`;

const oneLine = ({ id, value, isWrong, about, set }) =>
  html`<input id=${id} spellcheck="false" autocapitalize="off" autocomplete="off" .value=${value} aria-invalid=${isWrong} aria-describedby=${about} @input=${set} />`;

const choice = (options) => ({ id, value, isWrong, about, set }) =>
  html`<select id=${id} aria-invalid=${isWrong} aria-describedby=${about} @change=${set}>
    ${options.map(([one, words]) => html`<option value=${one} .selected=${one === value}>${words}</option>`)}
  </select>`;

/** An error with its line and, if known, the character in the line. */
function mistake({ line, character, words }) {
  return html`<span class="mistake">${line ? html`<strong>${t("solve.line", { line: line.number })}</strong> ` : nothing}${words}${line && character ? excerpt([...line.text], character - 1) : nothing}</span>`;
}

function excerpt(text, place) {
  const [from, to] = [Math.max(0, place - EXCERPT_CHARACTERS), place + EXCERPT_CHARACTERS];
  return html`<code class="excerpt">${from ? "…" : nothing}${text.slice(from, place).join("")}<mark>${text[place] ?? "\u00a0"}</mark>${text.slice(place + 1, to).join("")}${to < text.length ? "…" : nothing}</code>`;
}
