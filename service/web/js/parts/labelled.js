// A form field with a label above and a hint below. Screen readers read the hint after the label.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";

/** `control` is called with the values of its attributes `id` and `aria-describedby`. */
export function labelledField(id, name, hint, control) {
  const hintId = hint ? `${id}-hint` : nothing;
  return html`<div class="field">
    <label for=${id}>${name}</label>
    ${control(id, hintId)} ${hint ? html`<span class="hint" id=${hintId}>${hint}</span>` : nothing}
  </div>`;
}

/** Fields that are shown on demand, under the text of `key` with their count; nothing without fields. */
export const collapsedFields = (key, fields) =>
  fields.length
    ? html`<details class="more">
        <summary>${t(key, { count: fields.length })}</summary>
        <div class="fields">${fields}</div>
      </details>`
    : nothing;
