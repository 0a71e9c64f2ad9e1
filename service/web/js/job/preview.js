// The first model of a training, which predicts until the job has its own.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { quality } from "../parts/summaries.js";

export function previewPanel(job) {
  if (!job.preview) return nothing;
  const { model_id: id, formula, formula_metrics: metrics } = job.preview;
  return html`<section class="card job-preview" aria-labelledby="preview">
    <h2 id="preview">${t("job.preview")}</h2>
    <p class="hint">${t(job.finished_at ? "job.preview kept" : "job.preview about")}</p>
    <p>${quality(job.preview)}</p>
    ${formula ? html`<p>${t("job.preview formula")} ${quality({ metrics })}: <code>${formula}</code></p>` : nothing}
    <p class="actions"><a class="button" href="#/models/${id}">${t("job.preview open")}</a></p>
  </section>`;
}
