// The settings of a training: everything has a default, and a line that says what it is for.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { GROUPS, isUsable, readableAs } from "../settings.js";
import { scrollBox } from "./scroll.js";

/**
 * @param choice What is chosen: { dataset, target, features, types, values }.
 * @param mistakes Words by the field that they are about.
 * @param change Takes what is changed in the choice.
 */
export function settingsForm(choice, mistakes, change) {
  return html`${columns(choice, mistakes, change)} ${GROUPS.map((group) => groupOf(group, choice, mistakes, change))}`;
}

function groupOf({ name, fields }, choice, mistakes, change) {
  const { values } = choice;
  const set = (field, value) => change({ values: { ...values, [field.name]: value } });
  return html`<fieldset class="settings-group">
    <legend>${t(`set.group.${name}`)}</legend>
    <div class="settings-fields">
      ${fields.map((field) => fieldOf(field, values[field.name], mistakes[field.name], (value) => set(field, value)))}
    </div>
  </fieldset>`;
}

function fieldOf(field, value, mistake, set) {
  const id = `set-${field.name}`;
  if (field.kind === "several") return several(field, value, mistake, set);
  const told = html`<span class="hint" id="${id}-hint">${t(`set.${field.name}.hint`)}</span>${wrong(id, mistake)}`;
  if (field.kind === "switch") {
    return html`<div class="field">
      <label><input type="checkbox" id=${id} .checked=${value} aria-describedby="${id}-hint" @change=${(event) => set(event.target.checked)} />
        <strong>${t(`set.${field.name}`)}</strong></label>${told}
    </div>`;
  }
  return html`<div class="field">
    <label for=${id}>${t(`set.${field.name}`)}</label>
    ${field.kind === "choice" ? select(field, id, value, set) : input(field, id, value, mistake, set)}${told}
  </div>`;
}

function select(field, id, value, set) {
  return html`<select id=${id} aria-describedby="${id}-hint" @change=${(event) => set(event.target.value)}>
    ${field.options.map((option) => html`<option value=${option} ?selected=${option === value}>${t(`set.${field.name}.${option}`)}</option>`)}
  </select>`;
}

function input(field, id, value, mistake, set) {
  return html`<input id=${id} autocomplete="off" inputmode=${field.kind === "number" ? "decimal" : "text"}
    placeholder=${field.example} .value=${value} aria-invalid=${mistake ? "true" : "false"}
    aria-describedby="${id}-hint ${id}-wrong" @input=${(event) => set(event.target.value)} />`;
}

function several(field, value, mistake, set) {
  const id = `set-${field.name}`;
  const toggle = (option, isOn) => set(field.options.filter((name) => (name === option ? isOn : value.includes(name))));
  return html`<fieldset class="field plain" aria-describedby="${id}-hint">
    <legend>${t(`set.${field.name}`)}</legend>
    ${field.options.map(
      (option) => html`<label class="check"><input type="checkbox" .checked=${value.includes(option)} @change=${(event) => toggle(option, event.target.checked)} />
        ${t(`set.${field.name}.${option}`)}</label>`,
    )}
    <span class="hint" id="${id}-hint">${t(`set.${field.name}.hint`)}</span>${wrong(id, mistake)}
  </fieldset>`;
}

function wrong(id, mistake) {
  return html`<span class="wrong" id="${id}-wrong">${mistake ?? ""}</span>`;
}

function columns(choice, mistakes, change) {
  const { dataset, types } = choice;
  const all = (isOn) => change({ features: new Set(isOn ? dataset.columns.filter((column) => isUsable(column, types)).map((column) => column.name) : []) });
  return html`<fieldset class="settings-group" id="set-columns" tabindex="-1">
    <legend>${t("set.columns")}</legend>
    <p class="hint">${t("set.columns.hint")}</p>
    ${wrong("set-columns", mistakes.columns)}
    <p class="actions">
      <button class="small" type="button" @click=${() => all(true)}>${t("set.columns.usual")}</button>
      <button class="small" type="button" @click=${() => all(false)}>${t("set.columns.no")}</button>
    </p>
    ${scrollBox(
      t("set.columns"),
      html`<table class="column-choice">
        <thead><tr><th scope="col">${t("set.columns.learn")}</th><th scope="col">${t("set.columns.type")}</th></tr></thead>
        <tbody>${dataset.columns.map((column) => columnRow(column, choice, change))}</tbody>
      </table>`,
    )}
  </fieldset>`;
}

function columnRow(column, { target, features, types }, change) {
  const isTarget = column.name === target;
  const toggle = (event) => {
    const others = new Set(features);
    if (event.target.checked) others.add(column.name);
    else others.delete(column.name);
    change({ features: others });
  };
  const readAs = (event) => {
    const { [column.name]: _, ...others } = types;
    const now = event.target.value === column.type ? others : { ...others, [column.name]: event.target.value };
    const learnt = new Set(features);
    if (isUsable(column, now)) learnt.add(column.name); // who says what a column is wants it used
    else learnt.delete(column.name);
    change({ types: now, features: learnt });
  };
  return html`<tr>
    <td><label class="check"><input type="checkbox" .checked=${!isTarget && features.has(column.name)} ?disabled=${isTarget} @change=${toggle} />
      ${column.name}${isTarget ? html` <span class="hint-inline">${t("dataset.is target")}</span>` : nothing}</label></td>
    <td><select aria-label=${t("set.columns.type of", { name: column.name })} @change=${readAs}>
      ${readableAs(column).map((type) => html`<option value=${type} ?selected=${type === (types[column.name] || column.type)}>${t(`type.${type}`)}</option>`)}
    </select></td>
  </tr>`;
}
