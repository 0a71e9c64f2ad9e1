// The one decision, and all the others behind it.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { bodyOf } from "../settings/body.js";
import { problem } from "./problem.js";
import { recipes } from "./recipes.js";
import { settingsForm } from "./settings_form.js";
import { studyForm } from "./study_form.js";

/** @param panel What it shows, { choice, mistakes, failed, isSending }, and what it does, { change, train, study }. */
export function trainPanel(panel) {
  const { choice, mistakes, failed, isSending, change, train } = panel;
  const { dataset, target } = choice;
  const submit = (event) => {
    event.preventDefault();
    if (!isSending) train();
  };
  return html`<section class="card train" aria-label=${t("dataset.train")}>
    <form @submit=${submit} novalidate>
      <div class="train-line">
        <div class="field">
          <label for="set-target">${t("dataset.target")}</label>
          <select id="set-target" aria-describedby="set-target-hint set-target-wrong" aria-invalid=${mistakes.target ? "true" : "false"}
            @change=${(event) => change({ target: event.target.value })}>
            ${dataset.columns.map((column) => html`<option value=${column.name} .selected=${column.name === target}>${column.name}</option>`)}
          </select>
        </div>
        <button class="primary big" aria-disabled=${isSending ? "true" : "false"}>${t("dataset.train")}</button>
      </div>
      <p class="hint" id="set-target-hint">${t("dataset.target about")}</p>
      <p class="wrong" id="set-target-wrong">${mistakes.target ?? ""}</p>
      ${failed ? problem(failed) : nothing}
      <details>
        <summary>${t("dataset.settings")}</summary>
        <p class="hint">${t("dataset.settings about")}</p>
        ${settingsForm(choice, mistakes, change)}
      </details>
    </form>
    ${studyForm(panel)}
    <details>
      <summary>${t("dataset.code")}</summary>
      <p class="hint">${t("dataset.code about")}</p>
      ${recipes(bodyOf(choice))}
    </details>
  </section>`;
}
