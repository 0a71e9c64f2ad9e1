// The choice of the target, with all other settings collapsed.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { bodyOf } from "../settings/body.js";
import { densities, densityColumns, isUsable } from "../settings/columns.js";
import { isDensity, rolesOf } from "../settings/fields.js";
import { labelledField } from "../parts/labelled.js";
import { problem } from "../parts/problem.js";
import { recipes } from "../parts/code_recipes.js";
import { settingsForm } from "./settings_form.js";
import { studyForm } from "./study_form.js";

const MOST_NAMES = 8;

/** @param panel Its state { choice, mistakes, failed, isSending } and its actions { change, train, study }. */
export function trainPanel(panel) {
  const { choice, mistakes, failed, isSending, change, train } = panel;
  const { dataset, target } = choice;
  const submit = (event) => {
    event.preventDefault();
    if (!isSending) train();
  };
  const choose = ({ target: { selectedIndex } }) => {
    const column = dataset.columns[selectedIndex];
    change(column ? { target: column.name } : { target: null, density: [target, ""] });
  };
  return html`<section class="card train" aria-label=${t("dataset.train")}>
    <form @submit=${submit} novalidate>
      <div class="train-line">
        <div class="field">
          <label for="set-target">${t("dataset.target")}</label>
          <select id="set-target" aria-describedby="set-target-hint set-target-wrong" aria-invalid=${mistakes.target ? "true" : "false"}
            @change=${choose}>
            ${dataset.columns.map((column) => html`<option value=${column.name} .selected=${column.name === target}>${column.name}</option>`)}
            ${densities(choice).length ? html`<option value="" .selected=${isDensity(choice)}>${t("dataset.density")}</option>` : nothing}
          </select>
        </div>
        <button class="primary big" aria-disabled=${isSending ? "true" : "false"}>${t("dataset.train")}</button>
      </div>
      <p class="hint" id="set-target-hint">${t(isDensity(choice) ? "dataset.density about" : "dataset.target about")}</p>
      <p class="wrong" id="set-target-wrong">${mistakes.target ?? ""}</p>
      ${leftOut(choice)}
      ${isDensity(choice) ? columnsOfDensity(choice, mistakes, change) : nothing}
      ${failed ? problem(failed) : nothing}
      <details>
        <summary>${t("dataset.settings")}</summary>
        <p class="hint">${t("dataset.settings about")}</p>
        ${settingsForm(choice, mistakes, change)}
      </details>
    </form>
    ${isDensity(choice) ? nothing : studyForm(panel)}
    <details>
      <summary>${t("dataset.code")}</summary>
      <p class="hint">${t("dataset.code about")}</p>
      ${recipes(bodyOf(choice))}
    </details>
  </section>`;
}

/** The columns that a training would use by default, and that this one leaves out. */
function leftOut(choice) {
  const { dataset, types, features } = choice;
  const roles = rolesOf(choice);
  const names = dataset.columns.filter((one) => isUsable(one, types) && !features.has(one.name) && !roles.has(one.name)).map(({ name }) => name);
  if (isDensity(choice) || !names.length) return nothing;
  return html`<p class="left-out">${t("dataset.left out", { names: names.slice(0, MOST_NAMES).join(", "), more: names.length > MOST_NAMES ? "…" : "" })}</p>`;
}

function columnsOfDensity(choice, mistakes, change) {
  const names = densities(choice);
  const [first, second] = densityColumns(choice);
  const one = (name, options, chosen, set) =>
    labelledField(`set-density-${name}`, t(`dataset.density ${name}`), "", (id) => html`<select id=${id} @change=${(event) => set(event.target.value)}>
      ${options.map(([value, words]) => html`<option value=${value} .selected=${value === chosen}>${words}</option>`)}
    </select>`);
  const named = (some) => some.map((name) => [name, name]);
  return html`<fieldset class="plain" id="set-columns" tabindex="-1" aria-describedby="set-columns-wrong">
    <legend class="visually-hidden">${t("dataset.density")}</legend>
    <div class="settings-fields">
      ${one("first", named(names), first, (name) => change({ density: [name, second] }))}
      ${one("second", [["", t("dataset.density none")], ...named(names.filter((name) => name !== first))], second, (name) => change({ density: [first, name] }))}
    </div>
    <span class="wrong" id="set-columns-wrong">${mistakes.columns ?? ""}</span>
  </fieldset>`;
}
