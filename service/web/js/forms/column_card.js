// The statistics of a column, with its unit and type to edit, and buttons for what can be learnt of it.

import { html, nothing } from "../../vendor/lit-html.js";
import { count, number, t } from "../i18n.js";
import { spread } from "../charts/histogram.js";
import { moment } from "../parts/moment.js";
import { editFields } from "./column_edits.js";

/** @param act What the card does: choose and showDensity with the column, and `save` of column edits. */
export function columnCard(column, { dataset, target, canHaveDensity, edit }, act) {
  const unit = dataset.units[column.name];
  const isTarget = column.name === target;
  return html`<li class="card column ${isTarget ? "chosen" : ""}">
    <h3>${column.name}</h3>
    ${editFields(column, dataset, edit, act.save)}
    <div class="column-spread">${spread(column, dataset.rows, unit)}</div>
    <dl class="facts">
      ${range(column)}
      ${column.mean === null ? nothing : fact(t("dataset.mean"), `${number(column.mean)}\u00a0±\u00a0${number(column.std, 3)}`)}
      ${fact(t("dataset.distinct"), count(column.distinct))}
      ${fact(t("dataset.missing"), column.missing ? count(column.missing) : t("dataset.none missing"))}
    </dl>
    ${column.type === "datetime" ? html`<p class="hint">${t("dataset.parts")}</p>` : nothing}
    ${canHaveDensity ? html`<p class="column-density"><button type="button" class="plain-link" @click=${() => act.showDensity(column.name)}>${t("dataset.distribution")}<span class="visually-hidden">: ${column.name}</span></button></p>` : nothing}
    <label class="check"><input type="radio" name="target" value=${column.name} .checked=${isTarget} @change=${() => act.choose(column.name)} />
      ${t("dataset.understand")}<span class="visually-hidden">: ${column.name}</span></label>
  </li>`;
}

const fact = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

function range(column) {
  const { type, min, max } = column;
  if (min === null || min === undefined) return nothing;
  const shown = type === "datetime" ? (iso) => moment(iso, column) : typeof min === "number" ? number : String;
  return fact(t("dataset.range"), t("dataset.from to", { low: shown(min), high: shown(max) }));
}
