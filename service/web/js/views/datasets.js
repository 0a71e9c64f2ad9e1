// All datasets, the newest first.

import { html } from "../../vendor/lit-html.js";
import { count, t, time } from "../i18n.js";
import { pagedTable } from "../parts/paged.js";

export default function view({ root, signal }) {
  return pagedTable({
    root,
    signal,
    path: "datasets",
    title: t("datasets"),
    columns: [t("list.name"), `#${t("list.rows")}`, `#${t("list.columns")}`, t("list.uploaded")],
    row: (dataset) => [
      html`<a href="#/datasets/${dataset.id}">${dataset.name}</a>`,
      count(dataset.rows),
      count(dataset.columns.length),
      time(dataset.created_at),
    ],
    empty: html`<p>${t("datasets.none")}</p>
      <p class="actions"><a class="button primary" href="#/">${t("upload")}</a></p>`,
  });
}
