// Use it elsewhere: lines to copy, files to download, and the model's names.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { key } from "../api.js";
import { number, t, time } from "../i18n.js";
import { copyButton } from "../parts/copy.js";
import { table } from "../parts/table.js";
import { saveButton } from "./downloads.js";
import { manage } from "./manage.js";

const EXPORTS = { safetensors: "safetensors", onnx: "onnx", python: "py" };

export function elsewhere(root, page) {
  render(
    html`<h3>${t("model.code.title")}</h3>
      <p>${t("model.code.about")}</p>
      <div class="code"></div>
      <h3>${t("model.export.title")}</h3>
      ${files(page)}
      <h3>${t("model.versions.title", { name: page.model.name })}</h3>
      ${versions(page)}
      <div class="manage"></div>`,
    root,
  );
  const show = (row) => row && render(code(page.model, row), root.querySelector(".code"));
  page.row.listen(show);
  show(page.row.get());
  manage(root.querySelector(".manage"), page);
}

function code(model, row) {
  const lines = { curl: curl(model, row), python: python(model, row) };
  return Object.entries(lines).map(
    ([name, text]) => html`<div class="snippet">
      <p class="snippet-head"><strong>${t(`model.code.${name}`)}</strong> ${copyButton(text, t(`model.code.${name}`))}</p>
      <pre tabindex="0" role="region" aria-label=${t(`model.code.${name}`)}>${text}</pre>
    </div>`,
  );
}

function curl(model, row) {
  const body = JSON.stringify({ model: reference(model), rows: [row] }).replaceAll("'", "'\\''");
  const withKey = key.get() ? '-H "Authorization: Bearer $KAN_KEY" ' : "";
  return `curl -s ${withKey}--json '${body}' \\\n  ${address()}predict`;
}

function python(model, row) {
  const base = address().replace(/\/$/, "");
  const withKey = key.get() ? ', key=os.environ["KAN_KEY"]' : "";
  return [
    ...(withKey ? ["import os", ""] : []),
    "from service.client import Client",
    "",
    `with Client(${JSON.stringify(base)}${withKey}) as kan:`,
    `    print(kan.predict(${inPython(reference(model))}, [${inPython(row)}]).values)`,
  ].join("\n");
}

/** By its id, which always means this very model. */
const reference = (model) => model.id;
const address = () => new URL(".", document.baseURI).href;

function inPython(value) {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([name, entry]) => `${JSON.stringify(name)}: ${inPython(entry)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

function files({ path, model }) {
  const rows = Object.entries(EXPORTS).map(([format, ending]) => [
    t(`model.export.${format}`),
    t(`model.export.${format} about`),
    saveButton(`${path}/export?format=${format}`, `${model.name}.${ending}`, t("model.export.save"), t("model.export.save as", { format: t(`model.export.${format}`) })),
  ]);
  rows.push([
    t("model.export.card"),
    t("model.export.card about"),
    saveButton(`${path}/card?format=markdown`, `${model.name}-card.md`, t("model.export.save"), t("model.export.save as", { format: t("model.export.card") })),
  ]);
  return table(t("model.export.title"), ["what", "about", "file"].map((name) => t(`model.export.${name}`)), rows);
}

function versions({ model, versions: known }) {
  const metric = model.task === "classification" ? "accuracy" : "rmse";
  const rows = known.map((other) => [
    other.id === model.id
      ? html`<strong>${other.version}</strong> <span class="chip">${t("model.versions.this")}</span>`
      : html`<a href="#/models/${encodeURIComponent(other.id)}">${t("model.version", { version: other.version })}</a>`,
    time(other.created_at),
    number(other.metrics[metric], 4),
    other.aliases.length ? other.aliases.map((alias) => html`<span class="chip">@${alias}</span>`) : nothing,
  ]);
  const head = [t("model.versions.version"), t("model.versions.made"), t(`model.metric.${metric}`), t("model.versions.aliases")];
  return table(t("model.versions.title", { name: model.name }), head, rows, {
    numbers: [2],
    current: known.findIndex((other) => other.id === model.id),
  });
}
