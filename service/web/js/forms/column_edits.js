// Unit and type of a column, edited on its card: saved at once, with an undo.

import { html, nothing } from "../../vendor/lit-html.js";
import { send } from "../api.js";
import { t } from "../i18n.js";
import { announce } from "../screen_reader.js";
import { entryText, problemText } from "../parts/problem_text.js";
import { isNumber, readAs, readableAs } from "../settings/columns.js";

const UNIT_WARNINGS = ["unknown_unit", "header_unit"];

/**
 * @param path The path of the dataset.
 * @param choice Returns the state of the training form.
 * @param set Called with what changes: `choice` and `edits`, the last edit of each column by its name.
 * @returns Functions that save: `unit(column, text)` and `type(column, type)`.
 */
export function columnEdits({ path, signal, choice, edits, set }) {
  async function save(column, field, patch, edit) {
    try {
      const dataset = await send("PATCH", path, patch, { signal });
      const { name } = column;
      const read = field === "type" ? readAs(choice(), column, edit.value) : {};
      set({ choice: { ...choice(), ...read, dataset }, edits: { ...edits(), [name]: edit } });
      announce(t(`dataset.saved ${field}`, { name, value: wordsOf(field, edit.value) }));
    } catch (error) {
      if (error.name === "AbortError") return;
      const [entry] = error.errors;
      const wrong = entry ? entryText(entry) : problemText({ code: error.code, detail: error.message });
      set({ edits: { ...edits(), [column.name]: { field, wrong } } });
      announce(document.getElementById(idOf(choice().dataset, column, field, "wrong")).textContent);
    }
  }

  const saver = (field, read, patch) => (column, value) => {
    const before = read(column);
    return value === before ? null : save(column, field, patch(column, value), { field, value, before });
  };
  return {
    unit: saver("unit", ({ name }) => choice().dataset.units[name] ?? "", ({ name }, unit) => ({ units: { [name]: unit } })),
    type: saver(
      "type",
      ({ name, type }) => choice().dataset.types[name] ?? type,
      ({ name, type }, wanted) => {
        const { [name]: _, ...others } = choice().dataset.types;
        return { types: wanted === type ? others : { ...others, [name]: wanted } };
      },
    ),
  };
}

const wordsOf = (field, value) => (field === "type" ? t(`type.${value}`) : value || t("dataset.no unit"));

const idOf = (dataset, column, field, part) => [`${field}-${dataset.columns.findIndex(({ name }) => name === column.name)}`, part].filter(Boolean).join("-");

/** The identifier of the input for the unit of a column. */
export const unitId = (dataset, name) => idOf(dataset, { name }, "unit");

/** The fields of a column, and the undo of its last edit. */
export function editFields(column, dataset, edit, save) {
  const about = dataset.warnings.find(({ code, column: name }) => name === column.name && UNIT_WARNINGS.includes(code));
  const field = (name, control) => {
    const id = idOf(dataset, column, name);
    const isWrong = edit?.field === name && edit.wrong ? "true" : "false";
    return html`<div class="column-field">
      <label for=${id}>${t(`dataset.${name}`)}<span class="visually-hidden">: ${column.name}</span></label>
      ${control({ id, describedBy: `${id}-wrong`, isWrong })}
    </div>`;
  };
  const note = (name, words = nothing) => {
    const wrong = edit?.field === name ? edit.wrong : null;
    return html`<span class="column-note ${wrong ? "wrong" : "hint"}" id=${idOf(dataset, column, name, "wrong")}>${wrong ?? words}</span>`;
  };
  const type = ({ id, describedBy, isWrong }) => html`<select id=${id} aria-describedby=${describedBy} aria-invalid=${isWrong} @change=${(event) => save.type(column, event.target.value)}>
    ${readableAs(column).map((one) => html`<option value=${one} .selected=${one === (dataset.types[column.name] ?? column.type)}>${t(`type.${one}`)}</option>`)}
  </select>`;
  const unit = ({ id, describedBy, isWrong }) => html`<input id=${id} maxlength="64" size="8" autocomplete="off" autocapitalize="off" spellcheck="false" placeholder=${t("dataset.no unit")}
    .value=${dataset.units[column.name] ?? ""} aria-describedby=${describedBy} aria-invalid=${isWrong} @change=${(event) => save.unit(column, event.target.value.trim())} />`;
  const undo = () => save[edit.field](column, edit.before);
  return html`<div class="column-fields">
      ${readableAs(column).length > 1 ? field("type", type) : html`<p class="column-type">${t(`type.${column.type}`)}</p>`}
      ${isNumber(column) || dataset.units[column.name] ? field("unit", unit) : nothing}
      ${note("type")} ${note("unit", about ? t(`dataset.${about.code}`) : nothing)}
    </div>
    ${edit?.before === undefined ? nothing : html`<p class="column-saved">${t("dataset.saved")} <button class="small" type="button" @click=${undo}>${t("dataset.undo")}<span class="visually-hidden">: ${column.name}</span></button></p>`}`;
}
