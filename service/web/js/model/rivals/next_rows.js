// The rows to measure next, requested by a button.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { attempt, send } from "../../api.js";
import { number, t } from "../../i18n.js";
import { readable } from "../../math/measured.js";
import { table } from "../../parts/table.js";
import { valueText, withUnit, unitOf } from "../labels.js";

const COUNT = 3;

export function nextRows(page) {
  if (!page.model.dataset_id) return nothing;
  const ask = async (event) => {
    const root = event.currentTarget.closest(".next-rows");
    event.currentTarget.disabled = true;
    const { body, problem } = await attempt(send("POST", `${page.path}/next_rows`, { count: COUNT }, { signal: page.signal }));
    render(problem ? html`<p class="warning">${problem.message}</p>` : proposed(body.items, page.model), root.querySelector(".answer"));
    root.querySelector("button").disabled = false;
  };
  return html`<div class="next-rows">
    <p class="hint">${t("model.next.about")}</p>
    <p class="actions"><button @click=${ask}>${t("model.next.ask")}</button></p>
    <div class="answer" aria-live="polite"></div>
  </div>`;
}

function proposed(items, model) {
  const columns = Object.keys(items[0].row);
  const rows = items.map(({ row, gain }) => [...columns.map((name) => withUnit(valueText(row[name]), unitOf(model, name))), number(gain, 2)]);
  const head = [...columns, t("model.next.gain")];
  return html`${table(t("model.next.caption"), head, rows)} ${items.map(foretold(model))}`;
}

/** What the formulas foretell for one row. */
const foretold = (model) => ({ predictions }, place) => html`<p class="hint">${t("model.next.foretold", { number: place + 1, target: model.target })}
  ${Object.entries(predictions).map(([formula, value], at) => html`${at ? "; " : nothing}<code>${readable(formula)}</code> → ${value === null ? valueText(value) : number(value, 4)}`)}</p>`;
