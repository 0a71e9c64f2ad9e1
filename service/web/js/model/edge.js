// The dialog of a curve: its chart, functions to draw beside it, and a form to fix the curve to a function.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { attempt, get } from "../api.js";
import { showChart } from "../charts/chart.js";
import { number, share, t } from "../i18n.js";
import { labelledField } from "../parts/labelled.js";
import { table } from "../parts/table.js";
import { barsChart, levelTable } from "./curves/bars.js";
import { curveChart } from "./curves/curve.js";
import { contribution, sourceName } from "./curves/selection.js";
import { functionOf, nodeName } from "./nodes.js";
import { submit } from "./submit.js";
import { functionWords, range, unitOf } from "./labels.js";

export function edgeDialog(edge, edges, page) {
  const dialog = document.createElement("dialog");
  dialog.className = "edge-dialog";
  dialog.setAttribute("aria-labelledby", "edge-heading");
  const state = { ...describe(edge, edges, page), dialog, fit: firstFit(edge), histogram: null };
  render(content(state), dialog);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  page.signal.addEventListener("abort", () => dialog.close());
  dialog.showModal(); // the browser restores the focus when the dialog closes
  draw(state);
}

/** The function that the curve certainly is, or else the one that fits best; null for a category. */
function firstFit({ suggestions = [], ...edge }) {
  const name = functionOf({ suggestions, ...edge });
  return suggestions.find((fit) => fit.function === name) ?? [...suggestions].sort((one, other) => other.r2 - one.r2)[0] ?? null;
}

function describe(edge, edges, page) {
  const from = sourceName(edges, edge);
  const to = nodeName(edges, edge.to_layer, edge.out);
  const unit = edge.layer === 0 ? unitOf(page.model, from) : "";
  return { edge, edges, page, from, to, unit, given: { from, unit, ...contribution(edge, edges, page.model) } };
}

const chartOf = ({ edge, given, fit, histogram }) => (edge.levels ? barsChart(edge, given) : curveChart(edge, given, fit, histogram));

/** Draws the chart, and again with the distribution of the rows once it is known. */
async function draw(state) {
  const chart = chartOf(state);
  const host = state.dialog.querySelector(".edge-chart");
  if (!chart) return render(html`<p class="note">${t("model.edge.no curve")}</p>`, host);
  [state.update, state.histogram] = await Promise.all([showChart(host, chart), histogramOf(state)]);
  if (state.histogram) state.update(chartOf(state));
}

/** How the values of an input are distributed over the rows; null if that is not known. */
async function histogramOf({ edge, edges, page }) {
  if (edge.levels || edge.layer || !page.model.dataset_id) return null;
  page.table ??= attempt(get(`datasets/${page.model.dataset_id}`, { signal: page.signal }));
  const { body } = await page.table;
  return body?.columns.find(({ name }) => name === edges.inputs[edge.in])?.histogram ?? null;
}

/** Draws a suggestion beside the curve. */
function choose(state, fit) {
  state.fit = fit;
  const select = state.dialog.querySelector("select");
  if (fit && select) select.value = fit.function;
  render(content(state), state.dialog);
  state.update?.(chartOf(state));
}

function content(state) {
  const { edge, edges, from, to, given, dialog } = state;
  const operation = edges.nodes[edge.to_layer][edge.out].operation ?? "sum"; // older networks had only sums
  return html`<div class="dialog-head">
      <h2 id="edge-heading">${t("model.edge.title", { from, to })}</h2>
      <button type="button" class="small" autofocus @click=${() => dialog.close()}>${t("model.close")}</button>
    </div>
    <p>${t(`model.edge.about ${operation}`, { from, to })}</p>
    <div class=${edge.levels ? "edge-chart" : "edge-chart high"}></div>
    ${edge.levels ? levelTable(edge, given) : suggestions(state)}
    ${given.isRelative ? html`<p class="hint">${t("model.edge.relative")}</p>` : nothing}
    ${edge.levels ? html`<dl class="facts-list">${score(edge)}</dl>` : functionPart(state)}`;
}

function functionPart(state) {
  const { edge, edges, given, unit } = state;
  const name = functionOf(edge);
  return html`<dl class="facts-list">
      <div><dt>${t("model.edge.function")}</dt><dd>${functionWords(name) || t("model.edge.no function")}</dd></div>
      <div><dt>${t("model.edge.range")}</dt><dd>${range([edge.x[0], edge.x.at(-1)].map(given.input), unit)}</dd></div>
      ${score(edge)}
    </dl>
    ${edges.network === "compact" ? html`<p class="hint">${t("model.edge.compact")}</p>` : fixForm(state)}`;
}

const score = (edge) =>
  html`<div><dt>${t("model.edge.score")}</dt><dd>${number(edge.score, 3)}</dd><dd class="hint">${t("model.edge.score about")}</dd></div>`;

/** The functions that match; a button draws one beside the curve, or removes it. */
function suggestions(state) {
  const { edge, fit: chosen } = state;
  if (!edge.suggestions.length) return html`<p class="note">${t("model.edge.no suggestions")}</p>`;
  const head = ["function", "r2", "complexity"].map((name) => t(`model.edge.${name}`));
  const rows = edge.suggestions.map((fit) => [
    html`<button type="button" class="small" aria-pressed=${fit === chosen} @click=${() => choose(state, fit === chosen ? null : fit)}>
      ${functionWords(fit.function)}</button> <code class="quiet">${fit.function}</code>`,
    share(fit.r2, 6),
    fit.complexity,
  ]);
  return html`<h3>${t("model.edge.fits")}</h3>
    ${table(t("model.edge.fits"), head, rows, { numbers: [1, 2] })}
    <p class="hint">${t("model.edge.fits about")}</p>`;
}

function fixForm(state) {
  const { edge, edges, page, dialog } = state;
  const name = functionOf(edge) || firstFit(edge)?.function;
  const suggested = edge.suggestions.map((fit) => fit.function);
  const others = (edges.functions || []).filter((known) => !suggested.includes(known));
  const option = (value) =>
    html`<option value=${value} ?selected=${value === name}>${functionLabel(value)}</option>`;
  const draws = (event) => choose(state, edge.suggestions.find((fit) => fit.function === event.target.value) ?? null);
  const fix = (event) => {
    event.preventDefault();
    const wish = fixRequest(edge, new FormData(event.target).get("function"), page.model);
    submit(wish, event.submitter, dialog.querySelector(".answer"), () => dialog.close());
  };
  return html`<form class="fix" @submit=${fix}>
    ${labelledField("edge-function", t("model.edge.fix to"), t("model.edge.fix about"), (id, hint) =>
      html`<select id=${id} aria-describedby=${hint} name="function" required @change=${draws}>
        ${suggested.length ? html`<optgroup label=${t("model.edge.suggested")}>${suggested.map(option)}</optgroup>` : nothing}
        <optgroup label=${t("model.edge.all functions")}>${others.map(option)}</optgroup>
      </select>`)}
    <p class="actions"><button class="primary">${t("model.edge.fix")}</button></p>
    <div class="answer"></div>
  </form>`;
}

function fixRequest(edge, name, model) {
  const place = { layer: edge.layer, in: edge.in, out: edge.out };
  if (edge.to_layer !== edge.layer + 1) place.to_layer = edge.to_layer;
  return { kind: "symbolic", model_id: model.id, fix: [{ ...place, function: name }] };
}

function functionLabel(name) {
  const words = functionWords(name);
  return words === name ? name : `${words} — ${name}`;
}
