// The result of a finished job.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { saveButton } from "../parts/downloads.js";
import { statusKey } from "../parts/summaries.js";
import { stageWords } from "../charts/history.js";
import { problemText } from "../parts/problem_text.js";

export function jobEnd(job, study, retry) {
  if (job.status === "failed") return failedPanel(job, retry);
  if (job.status === "succeeded" || job.model_id) return succeededPanel(job, study); // or stopped with its best model kept
  return html`<div class="note">
      <p>${t("job.cancelled about")}</p>
    </div>
    ${retryActions(job, retry)}`;
}

function succeededPanel(job, study) {
  const cut = () => t(`job.cut.${statusKey(job)}`, { stage: stageWords(job.cut_by) });
  return html`${job.cut_by ? html`<div class="note"><p>${cut()}</p></div>` : nothing}
    <p class="actions">
      ${job.model_id
        ? html`<a class="button primary" href="#/models/${job.model_id}">${t("job.open model")}</a>`
        : saveButton(`jobs/${job.id}/result`, "", t("job.download"), { look: "primary" })}
    </p>
    ${study ?? nothing}`;
}

function failedPanel(job, retry) {
  return html`<div class="problem" role="alert">
      <p><strong>${t("job.failed")}</strong></p>
      <p>${problemText(job.error)}</p>
      <p class="hint">${t("job.code", { code: job.error.code })}</p>
    </div>
    ${retryActions(job, retry)}`;
}

function retryActions(job, retry) {
  return html`<p class="actions">
    <button class="primary" type="button" @click=${retry}>${t("job.retry")}</button>
    ${job.kind === "solve" ? html`<a class="button" href="#/">${t("job.other equations")}</a>` : nothing}
    ${["train", "study"].includes(job.kind) && job.dataset_id ? html`<a class="button" href="#/datasets/${job.dataset_id}">${t("job.other settings")}</a>` : nothing}
  </p>`;
}
