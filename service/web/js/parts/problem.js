// An error message with its entries.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { place } from "../forms/table_location.js";
import { problemText, entryText } from "./problem_text.js";

const MAX_ENTRIES = 10;

export function problem(error) {
  const words = error.code === "unreachable" ? t("unreachable") : problemText({ code: error.code, detail: error.message });
  const entries = (error.errors || []).filter((entry) => entry.detail && !isRepeated(entry, error.message));
  return html`<div class="problem" role="alert">
    <p>${words}</p>
    ${entries.length ? html`<ul>${entries.slice(0, MAX_ENTRIES).map((entry) => entryItem(entry))}</ul>` : nothing}
  </div>`;
}

function isRepeated(entry, words) {
  return words.startsWith(entry.detail) && !place(entry);
}

/** An entry of an error or a warning with its location, and what can be done about it, if anything. */
export function entryItem(entry, actions = nothing) {
  const where = place(entry);
  return html`<li>${where ? html`<strong>${where}:</strong> ` : nothing}${entryText(entry)} ${actions}</li>`;
}
