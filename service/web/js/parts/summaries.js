// Short summaries of jobs and models.

import { html } from "../../vendor/lit-html.js";
import { number, share, t, time } from "../i18n.js";

export function status(job) {
  return html`<span class="status ${job.status}">${t(`status.${statusKey(job)}`)}</span>`;
}

/** How a job ended, or its status: one that was cut short and kept its best result has a word of its own. */
export function statusKey({ status, model_id, cut_by }) {
  if (status === "cancelled" && model_id) return "stopped";
  return status === "succeeded" && cut_by ? "timed_out" : status;
}

export function jobLine(job) {
  return html`<a href="#/jobs/${job.id}">${jobTitle(job)}</a> ${status(job)}
    <span class="hint">${time(job.created_at)}</span>`;
}

export function jobTitle(job) {
  const kind = t(`kind.${job.kind}`);
  const name = job.name ?? job.dataset_name;
  return name ? `${kind}: ${name}` : kind;
}

export function modelLine(model) {
  return html`<a href="#/models/${model.id}">${modelTitle(model)}</a>
    <span class="hint">${t("models.of", { target: model.target })} · ${quality(model)} · ${time(model.created_at)}</span>`;
}

export const modelTitle = (model) => (model.version > 1 ? `${model.name} v${model.version}` : model.name);

/** The main metric of a model. */
export function quality(model) {
  const { r2, accuracy, mean_log_likelihood: likelihood, equation_residual: residual } = model.metrics || {};
  if (accuracy !== undefined && accuracy !== null) return `${t("models.accuracy")} ${number(accuracy, 3)}`;
  if (r2 !== undefined && r2 !== null) return `R² ${share(r2)}`;
  if (likelihood !== undefined && likelihood !== null) return `${t("models.likelihood")} ${number(likelihood, 4)}`;
  if (residual !== undefined && residual !== null) return `${t("models.residual")} ${number(residual, 3)}`;
  return "–";
}
