// The point of the front that was selected: its formula typeset, its error, and a button to use it.

import { html } from "../../../vendor/lit-html.js";
import { count, number, share, t } from "../../i18n.js";
import { equation } from "../../math/equation.js";
import { readable } from "../../math/measured.js";
import { leftSide, withUnit } from "../labels.js";

/** Whether R² tells how well a formula predicts. That of a classifier compares it with the network. */
export const hasR2 = ({ metric }) => metric !== "log_loss";

/** @param mathml The formula of `entry` typeset; null until it is loaded. */
export function detail({ entry, mathml, output, model, measure, unit, take }) {
  const facts = [
    [entry.isNetwork ? t("model.front.curves") : t(`model.front.${measure}`), count(entry.length)],
    [t(`model.front.${entry.metric}`), withUnit(number(entry.error), unit)],
    ...(hasR2(entry) ? [[t("model.front.r2"), share(entry.r2)]] : []),
  ];
  const title = entry.isNetwork ? t("model.member.compact", { count: entry.edges }) : t("model.front.number", { number: entry.number });
  return html`<h4>${title}</h4>
    ${entry.isNetwork ? html`<p>${t("model.front.network about", { fidelity: share(entry.fidelity) })}</p>` : formula(entry, mathml, output, model)}
    <dl class="facts-list">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <p class="actions tight">
      ${entry.isChosen
        ? html`<span class="chip">${t("model.front.chosen")}</span>`
        : html`<button @click=${(event) => take(entry, event.currentTarget)}>${t(entry.isNetwork ? "model.front.use network" : "model.front.use this")}</button>`}
    </p>`;
}

function formula({ expression }, mathml, output, model) {
  return html`<div class="formula scroll" tabindex="0" role="region" aria-label=${t("model.front.region", { name: output.name })}>
    ${equation(mathml, leftSide(output, model)) ?? html`<code>${readable(expression)}</code>`}
  </div>`;
}
