// The form for differential equations: typesets them while they are typed, and submits them.

import { render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { get, send } from "../api.js";
import { DECAY, EMPTY, NEEDED, placeOf, read } from "../equations/body.js";
import { GALLERY } from "../equations/gallery.js";
import { typesetWhileTyping } from "../equations/typesetting.js";
import { go } from "../navigate.js";
import { t } from "../i18n.js";
import { keepFocus } from "../parts/focus.js";
import { entryText } from "../parts/problem_text.js";
import { solveTemplate } from "./solve_template.js";

const TABLES = 50; // datasets offered as measurements
let kept = { values: EMPTY, isOpen: false }; // keeps the input when the user returns to the page

/** An element with the form, collapsed at first. */
export function solveForm({ signal }) {
  const host = document.createElement("div");
  let state = { mistakes: {}, failed: null, isSending: false, tables: [], printed: null };
  const set = (changes) => {
    state = { ...state, ...changes };
    keepFocus(host, () => render(solveTemplate({ ...state, ...kept }, { change, fill, start, submit, toggle }), host));
  };
  const typeset = typesetWhileTyping((printed, error) => {
    const { mistakes = state.mistakes } = error ? groupMistakes(error, read(kept.values).lines) : {}; // typing goes on with others
    set({ printed, mistakes });
  }, { signal });
  const change = (values) => {
    kept = { ...kept, values: { ...kept.values, ...values } };
    set({ mistakes: {}, failed: null });
    typeset(read(kept.values).body);
  };
  const fill = () => change(DECAY);
  const start = (name) => {
    change(GALLERY[name]);
    announce(t("solve.gallery.filled", { name: t(`solve.gallery.${name}`) }));
  };

  async function toggle(event) {
    if (event.target !== event.currentTarget || event.target.open === kept.isOpen) return;
    kept = { ...kept, isOpen: event.target.open };
    if (kept.isOpen) await open();
  }

  async function open() {
    typeset(read(kept.values).body);
    await loadTables();
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
  if (kept.isOpen) open();
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
  for (const entry of error.errors ?? []) {
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
