// What went wrong, where, and what to do, as the service says it.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";

export function problem(error) {
  const where = (error.errors || []).filter((entry) => entry.detail && entry.detail !== error.message);
  const words = error.code === "unreachable" ? t("unreachable") : error.message;
  return html`<div class="problem" role="alert">
    <p>${words}</p>
    ${where.length
      ? html`<ul>
          ${where.slice(0, 10).map((entry) => html`<li>${entry.detail}</li>`)}
        </ul>`
      : nothing}
  </div>`;
}
