// Jobs: all of them, or those that the filters leave.

import { html } from "../../vendor/lit-html.js";
import { loadCodes, t, time } from "../i18n.js";
import { jobTitle, status } from "../parts/summaries.js";
import { pagedTable } from "../parts/paged.js";
import { problemText } from "../parts/problem_text.js";

const STATUSES = ["queued", "running", "succeeded", "failed", "cancelled"];
const KINDS = ["train", "symbolic", "predict", "study", "solve"];

export default async function view({ root, query, signal }) {
  await loadCodes();
  return pagedTable({
    root,
    query,
    signal,
    path: "jobs",
    title: t("jobs"),
    filters: [
      { name: "status", label: t("list.status"), options: STATUSES.map((name) => [name, t(`status.${name}`)]) },
      { name: "kind", label: t("list.kind"), options: KINDS.map((name) => [name, t(`kind.${name}`)]) },
    ],
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
  return job.error ? html`<span class="hint">${problemText(job.error)}</span>` : "";
}
