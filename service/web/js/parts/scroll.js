// A scrollable box for content that may be wider than a phone. It can be scrolled by keyboard.

import { html } from "../../vendor/lit-html.js";

export function scrollBox(label, content) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}>${content}</div>`;
}
