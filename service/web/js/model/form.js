// The form of the request: its constants, and how good it is beside the free search.

import { html, nothing } from "../../vendor/lit-html.js";
import { number, t } from "../i18n.js";
import { table } from "../parts/table.js";

export function formView(form) {
  if (!form) return nothing;
  const head = ["name", "value", "error", "interval"].map((name) => t(`model.form.${name}`));
  const level = number(100 * form.level);
  return html`<h3>${t("model.form.title")}</h3>
    <p><code>${form.text}</code></p>
    ${table(t("model.form.title"), head, form.constants.map(constantRow), { numbers: [1, 2, 3] })}
    <p class="hint">${t("model.form.about", { level })}</p>
    ${form.free ? freeView(form) : nothing}`;
}

function constantRow({ name, value, standard_error: error, low, high, is_held: isHeld, is_at_bound: isAtBound }) {
  const told = isHeld ? t("model.form.held") : isAtBound ? t("model.form.at bound") : error === null ? "–" : `± ${number(error, 2)}`;
  const end = (bound) => (bound === null ? "…" : number(bound, 4));
  return [html`<code>${name}</code>`, number(value, 6), told, isHeld ? "–" : `${end(low)} – ${end(high)}`];
}

/** Both formulas with their errors on the same rows. */
function freeView({ free, text, out_of_sample_rmse: rmse }) {
  const head = ["formula", "rmse", "complexity"].map((name) => t(`model.form.compared ${name}`));
  const rows = [
    [html`<code>${text}</code>`, number(rmse), "–"],
    [html`<code>${free.expression}</code>`, number(free.out_of_sample_rmse), free.complexity],
  ];
  return html`<h4>${t("model.form.compared")}</h4>
    ${table(t("model.form.compared"), head, rows, { numbers: [1, 2] })}
    <p>${t(free.is_better ? "model.form.free is better" : "model.form.free is no better")}</p>`;
}
