// The rows with the formula and the model through them: slices along the most important inputs.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { attempt, get } from "../../api.js";
import { t } from "../../i18n.js";
import { showChart } from "../../charts/chart.js";
import { problem } from "../../parts/problem.js";
import { announce } from "../../screen_reader.js";
import { latest } from "../latest.js";
import { isAxis } from "../rows.js";
import { fitChart } from "./chart.js";
import { content } from "./controls.js";
import { createPredictor, drawnMembers } from "./curves.js";
import { readRows, rowsNear, rowTitle, typicalValues } from "./rows.js";

const PAUSE_MS = 80; // between the last move of a slider and the request
const CHARTS = 2; // side by side

export async function fitSection(root, page) {
  const { model, path, signal } = page;
  const isPair = model.features.filter(isAxis).length - model.dropped.length > 1;
  render(html`<div class=${isPair ? "fit-place pair" : "fit-place"}></div>`, root); // the height that the charts need
  const told = await attempt(get(`${path}/rows`, { signal })).catch(() => null);
  if (!told) return; // the view was left
  if (told.problem) render(told.problem.status === 404 ? html`<p>${t("model.fit.no dataset")}</p>` : problem(told.problem), root);
  else {
    const table = readRows(told.body, model);
    if (table.rows.length && table.inputs.some(isAxis)) startCharts(root, page, table);
    else render(html`<p>${t("model.fit.no axis")}</p>`, root);
  }
}

function startCharts(root, page, table) {
  const { model, signal } = page;
  const members = drawnMembers(model);
  const predict = createPredictor(page, members);
  const charts = [];
  const state = {
    axes: table.inputs.filter(isAxis).slice(0, CHARTS),
    at: typicalValues(table),
    label: model.classes?.[model.classes.length === 2 ? 1 : 0],
    selected: null,
    curves: [],
    error: null,
  };
  const select = (row) => {
    state.selected = row;
    page.truths.set(row.inputs, row.target);
    page.row.set(row.inputs);
    show();
    announce(rowTitle(row));
  };
  const change = (changes, pause = 0) => {
    Object.assign(state, changes);
    show();
    ask(pause);
  };
  const act = {
    change,
    move: (name, value) => change({ at: { ...state.at, [name]: value } }, PAUSE_MS),
    step: (by) => {
      const before = state.selected ? table.rows.indexOf(state.selected) : by < 0 ? 0 : -1;
      select(table.rows.at((before + by) % table.rows.length));
    },
    through: () => change({ at: valuesOf(state.selected, state.at) }),
  };
  const show = () => {
    render(html`${content(page, table, state, members, act)}${state.error ? problem(state.error) : nothing}`, root);
    state.axes.forEach((axis, place) => {
      const near = rowsNear(table, axis.name, state.at);
      const chart = fitChart({ model, axis, near, members, state, curve: state.curves[place], table });
      if (charts[place]) charts[place].then((update) => update(chart));
      else charts[place] = showChart(root.querySelectorAll(".fit-chart")[place], { ...chart, onSelect: ({ row }) => select(row) });
    });
  };
  const ask = latest(signal, (options) => predict(state, options), ({ body, problem: error }) => {
    Object.assign(state, error ? { error } : { curves: body, error: null });
    show();
  });
  render(nothing, root);
  change({});
}

/** The values of a row, and the present ones where it has none. */
const valuesOf = ({ inputs }, at) => Object.fromEntries(Object.keys(at).map((name) => [name, inputs[name] ?? at[name]]));
