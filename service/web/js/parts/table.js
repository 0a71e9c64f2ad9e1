// A table with a caption in a horizontally scrollable box.

import { html, nothing } from "../../vendor/lit-html.js";
import { scrollBox } from "./scroll.js";

/** `numbers` are the indices of right-aligned columns. The first column has the row headers. */
export function table(caption, head, rows, { numbers = [], current = -1 } = {}) {
  const side = (place) => (numbers.includes(place) ? "number" : "");
  const cell = (content, place) =>
    place === 0
      ? html`<th scope="row" class=${side(place)}>${content}</th>`
      : html`<td class=${side(place)}>${content}</td>`;
  const whole = html`<table>
      <caption class="visually-hidden">${caption}</caption>
      <thead>
        <tr>${head.map((words, place) => html`<th scope="col" class=${side(place)}>${words}</th>`)}</tr>
      </thead>
      <tbody>
        ${rows.map((row, place) => html`<tr aria-current=${place === current ? "true" : nothing}>${row.map(cell)}</tr>`)}
      </tbody>
    </table>`;
  return scrollBox(caption, whole);
}
