// A box for what may be wider than a phone; with the keyboard it is scrolled like any other.

import { html } from "../../vendor/lit-html.js";

export function scrollBox(label, content) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>${content}</div>`;
}
