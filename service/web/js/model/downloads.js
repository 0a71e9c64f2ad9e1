// A picture as a file.

import { html, render } from "../../vendor/lit-html.js";
import { download } from "../api.js";
import { t } from "../i18n.js";
import { problem } from "../parts/problem.js";

export function downloads(path, filename, what) {
  return html`<p class="actions tight">
    ${["svg", "png"].map((kind) => saveButton(`${path}.${kind}`, `${filename}.${kind}`, kind.toUpperCase(), t("model.save", { what, kind: kind.toUpperCase() })))}
  </p>`;
}

export function saveButton(path, filename, label, name = label) {
  const click = async (event) => {
    const place = event.currentTarget.closest("p, div, section");
    try {
      await download(path, filename);
    } catch (error) {
      const told = document.createElement("div");
      render(problem(error), told);
      place.after(told);
    }
  };
  return html`<button type="button" class="small" aria-label=${name} @click=${click}>
    <span aria-hidden="true">↓</span> ${label}
  </button>`;
}
