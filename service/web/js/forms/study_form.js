// The form for a study: one training for every combination of settings.

import { html } from "../../vendor/lit-html.js";
import { count, t } from "../i18n.js";
import { countOf, studyOf } from "../settings/body.js";
import { STUDY } from "../settings/fields.js";
import { settingsFields } from "./settings_form.js";

export function studyForm({ choice, mistakes, isSending, change, study }) {
  const submit = (event) => {
    event.preventDefault();
    if (!isSending) study();
  };
  const trainings = countOf(studyOf(choice));
  return html`<details>
    <summary>${t("dataset.study")}</summary>
    <p class="hint">${t("dataset.study about")}</p>
    <form @submit=${submit} novalidate>
      ${settingsFields(STUDY, choice, mistakes, change)}
      <p class="actions">
        <button aria-disabled=${isSending ? "true" : "false"}>${t("dataset.study start")}</button>
        <span role="status">${trainings ? t("dataset.study count", { count: trainings, shown: count(trainings) }) : t("set.vary_grid.missing")}</span>
      </p>
    </form>
  </details>`;
}
