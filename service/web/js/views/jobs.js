// All jobs, the newest first.

import { html } from "../../vendor/lit-html.js";
import { t, time } from "../i18n.js";
import { jobTitle, status } from "../parts/summaries.js";
import { pagedTable } from "../parts/paged.js";

export default function view({ root, signal }) {
  return pagedTable({
    root,
    signal,
    path: "jobs",
    title: t("jobs"),
    columns: [t("list.job"), t("list.status"), t("list.submitted"), t("list.result")],
    row: (job) => [
      html`<a href="#/jobs/${job.id}">${jobTitle(job)}</a>`,
      status(job),
      time(job.created_at),
      result(job),
    ],
    empty: html`<p>${t("jobs.none")}</p>
      <p class="actions"><a class="button primary" href="#/datasets">${t("datasets")}</a></p>`,
  });
}

function result(job) {
  if (job.model_id) return html`<a href="#/models/${job.model_id}">${t("list.model")}</a>`;
  return job.error ? html`<span class="hint">${job.error.code}</span>` : "";
}
