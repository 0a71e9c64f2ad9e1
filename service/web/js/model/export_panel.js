// Use and export of a model: code to copy, files to download; its versions and names.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { named, number, t, time } from "../i18n.js";
import { saveButton } from "../parts/downloads.js";
import { whenNear } from "../parts/near.js";
import { table } from "../parts/table.js";
import { code } from "./prediction/code.js";

export function elsewhere(root, page) {
  render(
    html`<h3>${t("model.code.title")}</h3>
      <p>${t("model.code.about")}</p>
      <div class="code"></div>
      <h3>${t("model.export.title")}</h3>
      ${files(page)}`,
    root,
  );
  const show = () => render(code(page.model, page.row.get(), page.by.get()), root.querySelector(".code"));
  [page.row, page.by].forEach((value) => value.listen(show));
  show();
}

export function registry(root, page) {
  render(
    html`<h3>${t("model.versions.title", { name: page.model.name })}</h3>
      ${versions(page)}
      <div class="manage"></div>`,
    root,
  );
  const place = root.querySelector(".manage");
  whenNear(place, async () => (await import("./registry_panel.js")).manage(place, page));
}

function files({ path, model, formats }) {
  const row = (title, about, address, filename) => {
    const name = t("model.export.save as", { format: title });
    return [title, about, saveButton(`${path}/${address}`, filename, t("model.export.save"), { name })];
  };
  const rows = formats.models.map(({ name, title, about, ending }) =>
    row(named("model.export", name, title), named("model.export", `${name} about`, about), `export?format=${name}`, `${model.name}.${ending}`),
  );
  rows.push(row(t("model.export.card"), t("model.export.card about"), "card?format=markdown", `${model.name}-card.md`));
  return table(t("model.export.title"), ["what", "about", "file"].map((name) => t(`model.export.${name}`)), rows);
}

function versions({ model, versions: known }) {
  const metric = { classification: "accuracy", density: "mean_log_likelihood", equation: "equation_residual" }[model.task] ?? "rmse";
  const rows = known.map((other) => [
    other.id === model.id
      ? html`<strong>${other.version}</strong> <span class="chip">${t("model.versions.this")}</span>`
      : html`<a href="#/models/${encodeURIComponent(other.id)}">${t("model.version", { version: other.version })}</a>`,
    html`<time datetime=${other.created_at}>${time(other.created_at)}</time>`,
    number(other.metrics[metric], 4),
    other.aliases.length ? other.aliases.map((alias) => html`<span class="chip">@${alias}</span>`) : nothing,
  ]);
  const head = [t("model.versions.version"), t("model.versions.made"), t(`model.metric.${metric}`), t("model.versions.aliases")];
  return table(t("model.versions.title", { name: model.name }), head, rows, {
    numbers: [2],
    current: known.findIndex((other) => other.id === model.id),
  });
}
