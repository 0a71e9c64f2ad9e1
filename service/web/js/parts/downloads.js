// Buttons that download files of the service.

import { html, render } from "../../vendor/lit-html.js";
import { download } from "../api.js";
import { language, t } from "../i18n.js";
import { problem } from "./problem.js";

/** Buttons for a picture as SVG and PNG in the language of the page. `query` is added to the address. */
export function downloads(path, filename, what, query = "") {
  const button = (kind) => {
    const label = kind.toUpperCase();
    return saveButton(`${path}.${kind}?lang=${language}${query}`, `${filename}.${kind}`, label, { name: t("model.save", { what, kind: label }) });
  };
  return html`<p class="actions tight">${["svg", "png"].map(button)}</p>`;
}

/**
 * @param filename Used if the service gives no name.
 * @param name Distinguishes the button from similar ones for screen readers.
 */
export function saveButton(path, filename, label, { name = label, look = "small" } = {}) {
  return html`<button type="button" class=${look} aria-label=${name} @click=${(event) => save(path, filename, event.currentTarget)}>
    <span aria-hidden="true">↓</span> ${label}
  </button>`;
}

async function save(path, filename, button) {
  const place = button.closest("p, div, section");
  place.querySelector(".download-problem")?.remove();
  try {
    await download(path, filename);
  } catch (error) {
    const told = document.createElement("span");
    told.className = "download-problem";
    render(problem(error), told);
    place.append(told);
  }
}
