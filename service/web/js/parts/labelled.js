// A field of a form with its name above and a hint below, which is read out after the name.

import { html, nothing } from "../../vendor/lit-html.js";

/** `control` gets the attributes that tie it to both: `id` and `aria-describedby`. */
export function labelled(id, name, hint, control) {
  const hintId = hint ? `${id}-hint` : nothing;
  return html`<div class="field">
    <label for=${id}>${name}</label>
    ${control(id, hintId)} ${hint ? html`<span class="hint" id=${hintId}>${hint}</span>` : nothing}
  </div>`;
}
