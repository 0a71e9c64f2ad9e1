// All models, the newest first.

import { html } from "../../vendor/lit-html.js";
import { t, time } from "../i18n.js";
import { modelTitle, quality } from "../parts/summaries.js";
import { pagedTable } from "../parts/paged.js";

export default function view({ root, signal }) {
  return pagedTable({
    root,
    signal,
    path: "models",
    title: t("models"),
    columns: [t("list.name"), t("list.target"), t("list.quality"), t("list.made")],
    row: (model) => [
      html`<a href="#/models/${model.id}">${modelTitle(model)}</a>`,
      model.target,
      quality(model),
      time(model.created_at),
    ],
    empty: html`<p>${t("models.none")}</p>
      <p class="actions"><a class="button primary" href="#/">${t("upload")}</a></p>`,
  });
}
