// The prediction form: a change of an input updates the prediction.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { collapsedFields } from "../../parts/labelled.js";
import { announce } from "../../screen_reader.js";
import { t } from "../../i18n.js";
import { answer, describePrediction } from "./answer.js";
import { createExplainer } from "./contributions.js";
import { field } from "./input_fields.js";
import { predictFile } from "./batch_predict.js";
import { createPoster } from "./interval.js";
import { latest } from "../latest.js";
import { memberField, memberRequest } from "../members.js";
import { middle, realRows } from "../rows.js";

const PAUSE_MS = 60; // between the last change and the request
const EXPLAIN_PAUSE_MS = 150; // the same for the contributions, which take longer
const SILENCE_MS = 900; // between the last response and its announcement
const SHOWN = 24; // fields shown at once; the others are collapsed

export function tryOut(root, page) {
  const { model } = page;
  const rows = realRows(model, page.preview);
  const state = { row: rows.length ? rows[0].row : middle(model), from: rows.length ? 0 : -1 };
  const ask = createPredictor(page, state, (told) => render(answer(told, model, truth(page, rows, state)), root.querySelector(".prediction")));
  render(frame(), root);
  const explain = createExplainer(page, state, root.querySelector(".contributions"));

  const change = (name, value) => {
    state.row = { ...state.row, [name]: value };
    if (rows[state.from] && rows[state.from].row[name] !== value) state.from = -1;
    changed(PAUSE_MS);
  };
  const another = () => {
    state.from = (state.from + 1) % rows.length;
    state.row = rows[state.from].row;
    changed(0);
  };
  const answeredBy = (by) => {
    page.by.set(by);
    changed(0);
  };
  const centre = () => {
    state.from = -1;
    state.row = middle(model);
    changed(0);
  };
  const changed = (pause) => {
    render(form(page, state, { rows, change, another, centre, answeredBy }), root.querySelector(".inputs"));
    page.row.set(state.row);
    ask(pause);
    explain(pause && EXPLAIN_PAUSE_MS);
  };

  page.row.listen((row) => {
    if (row === state.row) return;
    Object.assign(state, { row, from: -1 }); // selected elsewhere on the page
    changed(0);
  });

  render(answer({}, model), root.querySelector(".prediction"));
  predictFile(root.querySelector(".file"), page);
  changed(0);
}

function frame() {
  return html`<p>${t("model.try.about")}</p>
    <div class="try">
      <div class="inputs"></div>
      <div class="told">
        <div class="prediction card"></div>
        <div class="contributions"></div>
      </div>
    </div>
    <div class="file"></div>`;
}

function form(page, state, { rows, change, another, centre, answeredBy }) {
  const { model } = page;
  const one = (feature) => field(feature, state.row[feature.name], model, (value) => change(feature.name, value));
  const idle = new Set(model.dropped.map((dropped) => dropped.input));
  const used = model.features.filter((feature) => !idle.has(feature.name));
  const unused = model.features.filter((feature) => idle.has(feature.name));
  return html`<form @submit=${(event) => event.preventDefault()}>
    <p class="actions tight">
      ${rows.length ? html`<button type="button" @click=${another}>${t("model.try.another")}</button>` : nothing}
      <button type="button" @click=${centre}>${t("model.try.middle")}</button>
    </p>
    ${memberField("try-by", page, page.by.get(), answeredBy, t("model.member.about"))}
    <div class="fields">${used.slice(0, SHOWN).map(one)}</div>
    ${collapsedFields("model.try.more", used.slice(SHOWN).map(one))} ${collapsedFields("model.try.unused", unused.map(one))}
  </form>`;
}

/** The true target value of the current row, if no input was changed. */
const truth = ({ truths }, rows, state) => truths.get(state.row) ?? rows[state.from]?.truth;

/** Returns a function that requests a prediction after a pause. The first one is not announced. */
function createPredictor({ model, path, by, signal }, state, show) {
  const post = createPoster(model);
  let [voice, isFirst] = [0, true];
  const ask = (options) => post(`${path}/predict`, { rows: [state.row], ...memberRequest(model, by.get()) }, options);
  signal.addEventListener("abort", () => clearTimeout(voice));
  return latest(signal, ask, ({ body: told, problem: error }) => {
    if (error) return show({ error });
    show({ told });
    clearTimeout(voice);
    if (!isFirst) voice = setTimeout(() => announce(describePrediction(told)), SILENCE_MS);
    isFirst = false;
  });
}
