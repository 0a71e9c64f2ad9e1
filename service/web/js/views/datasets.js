// Datasets: all of them, or those that the filters leave.

import { html } from "../../vendor/lit-html.js";
import { count, t, time } from "../i18n.js";
import { tagLinks } from "../parts/list_filters.js";
import { pagedTable } from "../parts/paged.js";

export default function view({ root, query, signal }) {
  return pagedTable({
    root,
    query,
    signal,
    path: "datasets",
    title: t("datasets"),
    sorts: ["newest", "oldest", "name"],
    columns: [t("list.name"), `#${t("list.rows")}`, `#${t("list.columns")}`, t("list.uploaded")],
    row: (dataset) => [
      html`<a href="#/datasets/${dataset.id}">${dataset.name}</a>${tagLinks("datasets", dataset.tags)}`,
      count(dataset.rows),
      count(dataset.columns.length),
      time(dataset.created_at),
    ],
    empty: html`<p>${t("datasets.none")}</p>
      <p class="actions"><a class="button primary" href="#/">${t("upload")}</a></p>`,
  });
}
