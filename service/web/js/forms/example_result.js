// The result of the example, trained before: what a visitor of an empty service sees, and a button that opens it.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { request, upload } from "../api.js";
import { count, language, t } from "../i18n.js";
import { go } from "../navigate.js";
import { parseMath } from "../parts/inline.js";
import { problem } from "../parts/problem.js";
import { example } from "../sample_table.js";

const FOLDER = "assets/example";

/** An element with the formula, the picture and what they mean. */
export async function exampleResult({ signal }) {
  const result = await (await fetch(`${FOLDER}/result.json`, { signal })).json();
  const host = document.createElement("div");
  let state = { isOpening: false, failed: null };
  const set = (changes) => {
    state = { ...state, ...changes };
    render(template(result, state, open), host);
  };

  async function open() {
    if (state.isOpening) return;
    set({ isOpening: true, failed: null });
    try {
      const [model, { file, units }] = await Promise.all([importModel(signal), example()]);
      await upload(file, { units, signal });
      go(`/models/${model.id}`);
    } catch (error) {
      if (error.name !== "AbortError") set({ isOpening: false, failed: error });
    }
  }

  set({});
  return host;
}

async function importModel(signal) {
  const model = await (await fetch(`${FOLDER}/model.safetensors`, { signal })).blob();
  const form = new FormData();
  form.append("file", model, "example.safetensors");
  return (await request("POST", "models/import", { body: form, signal })).json();
}

function template({ target, mathml, rows }, { isOpening, failed }, open) {
  return html`<section class="card example" aria-labelledby="example-title">
    <h2 id="example-title">${t("example.title")}</h2>
    <div class="example-parts">
      <div>
        <p>${t("example.data", { rows: count(rows) })}</p>
        <div class="formula scroll" tabindex="0" role="region" aria-label=${t("model.formula.region", { name: target })}>${parseMath(mathml)}</div>
        <p>${t("example.formula")}</p>
        <p>${t("example.picture")}</p>
        <p class="actions">
          <button type="button" class="primary" aria-disabled=${isOpening ? "true" : "false"} @click=${open}>${t(isOpening ? "example.opening" : "example.open")}</button>
        </p>
        ${failed ? problem(failed) : nothing}
      </div>
      <picture>
        <source srcset="${FOLDER}/network-${language}-dark.svg" media="(prefers-color-scheme: dark)" />
        <img src="${FOLDER}/network-${language}-light.svg" width="480" height="318" alt=${t("example.picture alt")} />
      </picture>
    </div>
  </section>`;
}
