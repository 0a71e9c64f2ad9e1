// Models: all of them but those of running jobs, or those that the filters leave.

import { html } from "../../vendor/lit-html.js";
import { t, time } from "../i18n.js";
import { modelTitle, quality } from "../parts/summaries.js";
import { tagLinks } from "../parts/list_filters.js";
import { pagedTable } from "../parts/paged.js";

const TASKS = ["regression", "classification", "density", "equation"];

export default function view({ root, query, signal }) {
  return pagedTable({
    root,
    query,
    signal,
    path: "models",
    title: t("models"),
    filters: [
      { name: "task", label: t("list.task"), options: TASKS.map((name) => [name, t(`list.task.${name}`)]) },
      { name: "previews", label: t("list.previews") },
    ],
    sorts: ["newest", "oldest", "name"],
    columns: [t("list.name"), t("list.target"), t("list.quality"), t("list.made")],
    row: (model) => [
      html`<a href="#/models/${model.id}">${modelTitle(model)}</a>${tagLinks("models", model.tags)}`,
      model.target,
      quality(model),
      time(model.created_at),
    ],
    empty: html`<p>${t("models.none")}</p>
      <p class="actions"><a class="button primary" href="#/">${t("upload")}</a></p>`,
  });
}
