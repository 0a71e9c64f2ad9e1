// The dialog of a curve: its axes or bars, matching functions, and a form to fix an edge to a function.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { number, t } from "../i18n.js";
import { labelledField } from "../parts/labelled.js";
import { table } from "../parts/table.js";
import { bars } from "./curves/bars.js";
import { curve } from "./curves/curve.js";
import { contribution, sourceName } from "./curves/selection.js";
import { functionOf, nodeName } from "./nodes.js";
import { submit } from "./submit.js";
import { functionWords, range, unitOf } from "./labels.js";

export function edgeDialog(edge, edges, page) {
  const dialog = document.createElement("dialog");
  dialog.className = "edge-dialog";
  dialog.setAttribute("aria-labelledby", "edge-heading");
  const fix = (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("function");
    submit(fixRequest(edge, name, page.model), event.submitter, dialog.querySelector(".answer"), () => dialog.close());
  };
  render(content(edge, edges, page, { fix, close: () => dialog.close() }), dialog);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  page.signal.addEventListener("abort", () => dialog.close());
  dialog.showModal(); // the browser restores the focus when the dialog closes
}

function fixRequest(edge, name, model) {
  const place = { layer: edge.layer, in: edge.in, out: edge.out };
  if (edge.to_layer !== edge.layer + 1) place.to_layer = edge.to_layer;
  return { kind: "symbolic", model_id: model.id, fix: [{ ...place, function: name }] };
}

function content(edge, edges, page, { fix, close }) {
  const from = sourceName(edges, edge);
  const to = nodeName(edges, edge.to_layer, edge.out);
  const unit = edge.layer === 0 ? unitOf(page.model, from) : "";
  const operation = edges.nodes[edge.to_layer][edge.out].operation ?? "sum"; // older networks had only sums
  const given = contribution(edge, edges, page.model);
  return html`<div class="dialog-head">
      <h2 id="edge-heading">${t("model.edge.title", { from, to })}</h2>
      <button type="button" class="small" autofocus @click=${close}>${t("model.close")}</button>
    </div>
    <p>${t(`model.edge.about ${operation}`, { from, to })}</p>
    ${edge.levels ? bars(edge, { from, ...given }) : curve(edge, { from, unit, ...given })}
    ${given.isRelative ? html`<p class="hint">${t("model.edge.relative")}</p>` : nothing}
    ${edge.levels ? html`<dl class="facts-list">${score(edge)}</dl>` : functionPart(edge, edges, given, unit, fix)}`;
}

function functionPart(edge, edges, { input }, unit, fix) {
  const name = functionOf(edge);
  return html`<dl class="facts-list">
      <div><dt>${t("model.edge.function")}</dt><dd>${functionWords(name) || t("model.edge.no function")}</dd></div>
      <div><dt>${t("model.edge.range")}</dt><dd>${range([edge.x[0], edge.x.at(-1)].map(input), unit)}</dd></div>
      ${score(edge)}
    </dl>
    ${suggestions(edge)}
    ${edges.network === "compact" ? html`<p class="hint">${t("model.edge.compact")}</p>` : fixForm(edge, edges, name, fix)}`;
}

const score = (edge) =>
  html`<div><dt>${t("model.edge.score")}</dt><dd>${number(edge.score, 3)}</dd><dd class="hint">${t("model.edge.score about")}</dd></div>`;

function suggestions(edge) {
  if (!edge.suggestions.length) return html`<p class="note">${t("model.edge.no suggestions")}</p>`;
  const head = ["function", "r2", "complexity"].map((name) => t(`model.edge.${name}`));
  const rows = edge.suggestions.map((fit) => [
    html`${functionWords(fit.function)} <code class="quiet">${fit.function}</code>`,
    number(fit.r2, 6),
    fit.complexity,
  ]);
  return html`<h3>${t("model.edge.fits")}</h3>
    ${table(t("model.edge.fits"), head, rows, { numbers: [1, 2] })}
    <p class="hint">${t("model.edge.fits about")}</p>`;
}

function fixForm(edge, edges, name, fix) {
  const suggested = edge.suggestions.map((fit) => fit.function);
  const others = (edges.functions || []).filter((known) => !suggested.includes(known));
  const option = (value) =>
    html`<option value=${value} ?selected=${value === (name || suggested[0])}>${functionLabel(value)}</option>`;
  return html`<form class="fix" @submit=${fix}>
    ${labelledField("edge-function", t("model.edge.fix to"), t("model.edge.fix about"), (id, hint) =>
      html`<select id=${id} aria-describedby=${hint} name="function" required>
        ${suggested.length ? html`<optgroup label=${t("model.edge.suggested")}>${suggested.map(option)}</optgroup>` : nothing}
        <optgroup label=${t("model.edge.all functions")}>${others.map(option)}</optgroup>
      </select>`)}
    <p class="actions"><button class="primary">${t("model.edge.fix")}</button></p>
    <div class="answer"></div>
  </form>`;
}

function functionLabel(name) {
  const words = functionWords(name);
  return words === name ? name : `${words} — ${name}`;
}
