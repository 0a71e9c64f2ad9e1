// The lineage of a model: data, job, shape and settings.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { count, named, number, seconds, t, time } from "../i18n.js";

const MAX_LISTED_INPUTS = 3; // most unused inputs listed without a collapsed section

export function origin(root, { model }) {
  const { network, split, lineage } = model;
  const facts = [
    ["dataset", dataset(model)],
    ["sha256", lineage.dataset_sha256 && html`<code class="long">${lineage.dataset_sha256}</code>`],
    ["job", model.job_id && html`<a href="#/jobs/${model.job_id}"><code>${model.job_id}</code></a>`],
    ["id", html`<code>${model.id}</code>`],
    ["made", time(model.created_at)],
    ["took", trainingTime(model.timings)],
    ["split", split.training_rows && t("model.origin.split words", { training: count(split.training_rows ?? 0), validation: count(split.validation_rows ?? 0), test: count(split.test_rows ?? 0), kind: named("set.split_kind", split.kind ?? "–"), seed: split.seed ?? "–" })],
    ["shape", t("model.origin.shape words", { width: network.width.join(" → "), grid: network.grid, order: network.order, parameters: count(network.parameters), edges: count(network.edges) })],
    ["optimizer", network.optimizer && t("model.origin.optimizer words", { optimizer: named("set.optimizer", network.optimizer), scaling: named("model.scaling", network.input_scaling, "–"), transform: named("model.transform", network.target_transform) })],
    ["dropped", dropped(model)],
    ["ignored", model.ignored_columns.join(", ")],
    ["tags", Object.entries(model.tags).map(([name, value]) => html`<span class="chip">${name}: ${value}</span> `)],
    ["version", lineage.code_version],
    ["revises", lineage.revises && parentLink(lineage.revises)],
  ];
  const shown = facts.filter(([, value]) => value && value.length !== 0);
  render(
    html`<dl class="origin">
        ${shown.map(([name, value]) => html`<div><dt>${t(`model.origin.${name}`)}</dt><dd>${value}</dd></div>`)}
      </dl>
      ${lineage.request
        ? html`<details class="more">
            <summary>${t("model.origin.request")}</summary>
            <pre tabindex="0" role="region" aria-label=${t("model.origin.request")}>${JSON.stringify(lineage.request, null, 2)}</pre>
          </details>`
        : nothing}`,
    root,
  );
}

function dataset(model) {
  const words = model.dataset ? t("model.origin.dataset words", { name: model.dataset.name, rows: count(model.dataset.rows) }) : "";
  if (model.dataset_id) return html`<a href="#/datasets/${model.dataset_id}">${words || model.dataset_id}</a>`;
  return words && html`${words} <span class="quiet">${t("model.origin.dataset gone")}</span>`;
}

function trainingTime(timings) {
  const told = Object.entries(timings).filter(([stage, value]) => stage !== "cpu_seconds" && Number.isFinite(value));
  const all = told.reduce((sum, [, value]) => sum + value, 0);
  if (!told.length) return "";
  const longest = told.reduce((one, other) => (other[1] > one[1] ? other : one));
  const words = all < 10 ? t("model.origin.short", { value: number(all, 2) }) : seconds(all);
  return t("model.origin.took words", { all: words, stage: named("stage", longest[0]), share: number((100 * longest[1]) / (all || 1), 2) });
}

function dropped({ dropped: inputs }) {
  const lines = inputs.map(
    ({ input, error_with: with_, error_without: without }) =>
      html`<div class="line">${t("model.origin.dropped words", { input, with: number(with_, 2), without: number(without, 2) })}</div>`,
  );
  if (lines.length <= MAX_LISTED_INPUTS) return lines;
  return html`<details><summary>${t("model.origin.dropped count", { count: lines.length })}</summary>${lines}</details>`;
}

function parentLink(revises) {
  const id = typeof revises === "string" ? revises : revises.model_id;
  return id ? html`<a href="#/models/${id}"><code>${id}</code></a>` : "";
}
