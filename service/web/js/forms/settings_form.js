// The settings of a training. Every setting has a default and a hint.

import { html, nothing } from "../../vendor/lit-html.js";
import { decimal, t } from "../i18n.js";
import { columnOf, isUsable, knownValues, leaveOut, readAs, readableAs } from "../settings/columns.js";
import { GROUPS, chosenColumn, isDensity, isShown, rolesOf, splitColumn } from "../settings/fields.js";
import { labelledField } from "../parts/labelled.js";
import { scrollBox } from "../parts/scroll.js";

/**
 * @param choice The state of the form: { dataset, target, features, types, values }; target is null for a density.
 * @param mistakes Error texts by field.
 * @param change Called with the changed part of the choice.
 */
export function settingsForm(choice, mistakes, change) {
  return html`${isDensity(choice) ? nothing : columns(choice, mistakes, change)}
    ${GROUPS.filter(({ fields }) => fields.some((field) => isShown(field, choice))).map(
      (group) => html`<fieldset class="settings-group">
        <legend>${t(`set.group.${group.name}`)}</legend>
        ${settingsFields(group, choice, mistakes, change)}
      </fieldset>`,
    )}`;
}

export function settingsFields({ fields }, choice, mistakes, change) {
  const { values } = choice;
  const one = (field) => {
    const set = (value) => change({ values: { ...values, [field.name]: value } });
    return settingField({ field, choice, value: values[field.name], mistake: mistakes[field.name], set });
  };
  return html`<div class="settings-fields">${fields.filter((field) => isShown(field, choice)).map(one)}</div>`;
}

const CONTROLS = { switch: toggle, several, choice: words, column, class_weight: classWeight, values: testValues };

function settingField(given) {
  return (CONTROLS[given.field.kind] ?? input)({ ...given, id: `set-${given.field.name}` });
}

function singleField({ id, field, mistake }, control) {
  return labelledField(id, t(`set.${field.name}`), t(`set.${field.name}.hint`), () => html`${control}${mistakeText(id, mistake)}`);
}

/** Several controls under one label. */
function fieldGroup({ id, field, mistake }, controls) {
  return html`<fieldset class="field plain" id=${id} tabindex="-1" aria-describedby="${id}-hint ${id}-wrong">
    <legend>${t(`set.${field.name}`)}</legend>
    ${controls}${hintAndMistake(id, field, mistake)}
  </fieldset>`;
}

function hintAndMistake(id, field, mistake) {
  return html`<span class="hint" id="${id}-hint">${t(`set.${field.name}.hint`)}</span>${mistakeText(id, mistake)}`;
}

function mistakeText(id, mistake) {
  return html`<span class="wrong" id="${id}-wrong">${mistake ?? ""}</span>`;
}

function input(given) {
  const { id, field, value, mistake, set } = given;
  return singleField(given, html`<input id=${id} autocomplete="off" inputmode=${field.kind === "number" ? "decimal" : "text"}
    placeholder=${field.kind === "number" || field.kind === "list" ? field.example.replaceAll(".", decimal) : field.example} .value=${value} aria-invalid=${mistake ? "true" : "false"}
    aria-describedby="${id}-hint ${id}-wrong" @input=${(event) => set(event.target.value)} />`);
}

function toggle({ id, field, value, mistake, set }) {
  return html`<div class="field">
    <label><input type="checkbox" id=${id} .checked=${value} aria-describedby="${id}-hint" @change=${(event) => set(event.target.checked)} />
      <strong>${t(`set.${field.name}`)}</strong></label>${hintAndMistake(id, field, mistake)}
  </div>`;
}

function words(given) {
  const { field, value, set } = given;
  return singleField(given, select(given, field.options.map((option) => [option, t(`set.${field.name}.${option}`)]), value, set));
}

function column(given) {
  const { field, choice, set } = given;
  const options = field.columns(choice).map(({ name }) => [name, name]);
  if (field.isOptional) options.unshift(["", t(`set.${field.name}.none`)]);
  return singleField(given, select(given, options, chosenColumn(field, choice), set));
}

function select({ id, mistake }, options, chosen, set) {
  return html`<select id=${id} aria-describedby="${id}-hint ${id}-wrong" aria-invalid=${mistake ? "true" : "false"} @change=${(event) => set(event.target.value)}>
    ${options.map(([value, label]) => html`<option value=${value} .selected=${value === chosen}>${label}</option>`)}
  </select>`;
}

function several(given) {
  const { field, value, set } = given;
  return fieldGroup(given, ticks(field.options.map((option) => [option, t(`set.${field.name}.${option}`)]), value, set));
}

/** A checkbox for each value, in order. */
function ticks(options, chosen, set) {
  const toggled = (value, isOn) => set(options.map(([other]) => other).filter((other) => (other === value ? isOn : chosen.includes(other))));
  return options.map(
    ([value, label]) => html`<label class="check"><input type="checkbox" .checked=${chosen.includes(value)} @change=${(event) => toggled(value, event.target.checked)} />
      ${label}</label>`,
  );
}

/** None, by frequency, or a number for each class if all classes are known. */
function classWeight(given) {
  const { id, field, choice, value, set } = given;
  const classes = knownValues(columnOf(choice.dataset, choice.target))?.map(String);
  const kinds = ["none", "balanced", ...(classes ? ["given"] : [])].map((kind) => [kind, t(`set.${field.name}.${kind}`)]);
  const weigh = (name, cost) => set({ ...value, weights: { ...value.weights, [name]: cost } });
  return html`${singleField(given, select(given, kinds, value.kind, (kind) => set({ ...value, kind })))}
    ${classes && value.kind === "given"
      ? html`<fieldset class="field plain">
          <legend>${t(`set.${field.name}.of`)}</legend>
          ${classes.map((name, place) => html`<label class="weight" for="${id}-${place}"><span>${name}</span>
            <input id="${id}-${place}" inputmode="decimal" autocomplete="off" placeholder="1" .value=${value.weights[name] ?? ""} @input=${(event) => weigh(name, event.target.value)} /></label>`)}
        </fieldset>`
      : nothing}`;
}

/** Checkboxes if all values of the column are known, else one value per line. */
function testValues(given) {
  const { id, choice, value, mistake, set } = given;
  const chosen = splitColumn(choice);
  const known = chosen && knownValues(chosen);
  if (known) return fieldGroup(given, ticks(known.map((one) => [one, String(one)]), [value].flat(), set));
  return singleField(given, html`<textarea id=${id} rows="3" placeholder=${t("set.split_test.lines")} aria-invalid=${mistake ? "true" : "false"} aria-describedby="${id}-hint ${id}-wrong"
    .value=${[value].flat().join("\n")} @input=${(event) => set(event.target.value)}></textarea>`);
}

function columns(choice, mistakes, change) {
  const { dataset, types } = choice;
  const roles = rolesOf(choice);
  const all = (isOn) => change({ features: new Set(isOn ? dataset.columns.filter((one) => isUsable(one, types)).map((one) => one.name) : []) });
  return html`<fieldset class="settings-group" id="set-columns" tabindex="-1">
    <legend>${t("set.columns")}</legend>
    <p class="hint">${t("set.columns.hint")}</p>
    ${mistakeText("set-columns", mistakes.columns)}
    <p class="actions">
      <button class="small" type="button" @click=${() => all(true)}>${t("set.columns.usual")}</button>
      <button class="small" type="button" @click=${() => all(false)}>${t("set.columns.no")}</button>
    </p>
    ${scrollBox(
      t("set.columns"),
      html`<table class="column-choice">
        <thead><tr><th scope="col">${t("set.columns.learn")}</th><th scope="col">${t("set.columns.type")}</th></tr></thead>
        <tbody>${dataset.columns.map((one) => columnRow(one, roles.get(one.name), choice, change))}</tbody>
      </table>`,
    )}
  </fieldset>`;
}

/** @param role The role of a column that is not a feature. */
function columnRow(one, role, choice, change) {
  const { features, types } = choice;
  const learn = (event) => change({ features: leaveOut(choice, one.name, !event.target.checked) });
  return html`<tr>
    <td><label class="check"><input type="checkbox" .checked=${!role && features.has(one.name)} ?disabled=${!!role} @change=${learn} />
      <span>${one.name}${role ? html` <span class="hint-inline">${t(`set.role.${role}`)}</span>` : nothing}</span></label></td>
    <td><select aria-label=${t("set.columns.type of", { name: one.name })} @change=${(event) => change(readAs(choice, one, event.target.value))}>
      ${readableAs(one).map((type) => html`<option value=${type} .selected=${type === (types[one.name] || one.type)}>${t(`type.${type}`)}</option>`)}
    </select></td>
  </tr>`;
}
