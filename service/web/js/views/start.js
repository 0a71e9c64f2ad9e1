// The start page: upload of a table, form for equations, newest models and jobs.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { get } from "../api.js";
import { go } from "../navigate.js";
import { t } from "../i18n.js";
import { dropZone } from "../forms/dropzone.js";
import { exampleResult } from "../forms/example_result.js";
import { jobLine, modelLine } from "../parts/summaries.js";
import { solveForm } from "../forms/solve_form.js";

const NEWEST = 4;

export default async function view({ root, signal }) {
  const [datasets, jobs, models] = await Promise.all(
    ["datasets", "jobs", "models"].map(async (path) => (await get(`${path}?limit=${NEWEST}`, { signal })).items),
  );
  const zone = dropZone({ signal, onUploaded: (dataset) => go(`/datasets/${dataset.id}`) });
  const equations = solveForm({ signal });
  const result = models.length ? nothing : await exampleResult({ signal });
  let note = "";
  const tell = (words) => {
    note = words;
    show();
  };
  const show = () =>
    render(
      html`<h1>${t("headline")}</h1>
        <p class="lead">${t("about")}</p>
        ${zone.host} ${result}
        <ol class="steps">
          ${step("upload", null, () => zone.choose())}
          ${step("train", datasets[0] && `#/datasets/${datasets[0].id}`, () => tell(t("start.train first")))}
          ${step("formula", models[0] && `#/models/${models[0].id}`, () => tell(t("start.formula first")))}
        </ol>
        <p class="step-note" role="status">${note}</p>
        ${equations}
        ${newest(jobs, models)}`,
      root,
    );
  show();
}

function step(name, address, onClick) {
  const action = address
    ? html`<a class="step-action" href=${address}>${t(name)}</a>`
    : html`<button class="step-action" type="button" @click=${onClick}>${t(name)}</button>`;
  return html`<li>${action} <span>${t(`${name}_about`)}</span></li>`;
}

function newest(jobs, models) {
  return html`<div class="grid newest">
    ${box(t("start.newest models"), "#/models", models.map(modelLine))}
    ${box(t("start.newest jobs"), "#/jobs", jobs.map(jobLine))}
  </div>`;
}

function box(title, address, lines) {
  if (!lines.length) return nothing;
  return html`<section>
    <h2>${title}</h2>
    <ul class="lines">${lines.map((line) => html`<li>${line}</li>`)}</ul>
    <p><a href=${address}>${t("start.all")}<span class="visually-hidden">: ${title}</span></a></p>
  </section>`;
}
