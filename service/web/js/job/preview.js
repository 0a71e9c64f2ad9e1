// The best model so far of a training, which predicts until the job has its own.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { get, text } from "../api.js";
import { t } from "../i18n.js";
import { equation } from "../math/equation.js";
import { leftSide } from "../model/labels.js";
import { quality } from "../parts/summaries.js";

export function previewPanel(job) {
  if (!job.preview) return nothing;
  const { model_id: id, formula, formula_metrics: metrics } = job.preview;
  return html`<section class="card job-preview" aria-labelledby="preview">
    <h2 id="preview">${t("job.preview")}</h2>
    <p class="hint">${t(job.finished_at ? "job.preview kept" : "job.preview about")}</p>
    <p>${quality(job.preview)}</p>
    ${formula ? html`<p>${t("job.preview formula")} ${quality({ metrics })}:</p>${formulaElement(id, formula)}` : nothing}
    <p class="actions"><a class="button" href="#/models/${id}">${t("job.preview open")}</a></p>
  </section>`;
}

const drawn = { id: null, element: null }; // the view is drawn every second, its formula once

/** An element with the formula as text, and typeset as soon as the service has answered. */
function formulaElement(id, formula) {
  if (drawn.id === id) return drawn.element;
  const element = document.createElement("div");
  Object.assign(element, { className: "formula scroll", tabIndex: 0 });
  element.setAttribute("role", "region");
  element.setAttribute("aria-label", t("job.preview region"));
  render(html`<code>${formula}</code>`, element);
  typeset(id, element).catch(() => {}); // a model that the job has replaced keeps the text
  Object.assign(drawn, { id, element });
  return element;
}

async function typeset(id, element) {
  const path = `models/${id}`;
  const [model, formulas, mathml] = await Promise.all([get(path), get(`${path}/symbolic`), text(`${path}/symbolic?format=mathml`)]);
  const math = equation(mathml.split("\n")[0], leftSide(formulas.outputs[0], model));
  if (math) render(math, element);
}
