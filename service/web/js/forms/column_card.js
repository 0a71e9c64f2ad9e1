// The statistics of a column, with a button that makes it the target.

import { html, nothing } from "../../vendor/lit-html.js";
import { count, number, t, time } from "../i18n.js";
import { spread } from "../charts/histogram.js";

export function columnCard(column, dataset, target, choose) {
  const unit = dataset.units[column.name];
  const isTarget = column.name === target;
  return html`<li class="card column ${isTarget ? "chosen" : ""}">
    <h3>${column.name}${unit ? html` <span class="unit">${unit}</span>` : nothing}</h3>
    <p class="column-type">${t(`type.${column.type}`)}</p>
    <div class="column-spread">${spread(column, dataset.rows, unit)}</div>
    <dl class="facts">
      ${range(column)}
      ${column.mean === null ? nothing : fact(t("dataset.mean"), `${number(column.mean)} ± ${number(column.std, 3)}`)}
      ${fact(t("dataset.distinct"), count(column.distinct))}
      ${fact(t("dataset.missing"), column.missing ? count(column.missing) : t("dataset.none missing"))}
    </dl>
    <label class="check"><input type="radio" name="target" value=${column.name} .checked=${isTarget} @change=${() => choose(column.name)} />
      ${t("dataset.understand")}<span class="visually-hidden">: ${column.name}</span></label>
  </li>`;
}

const fact = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

function range({ type, min, max }) {
  if (min === null || min === undefined) return nothing;
  const shown = type === "datetime" ? time : typeof min === "number" ? number : String;
  return fact(t("dataset.range"), t("dataset.from to", { low: shown(min), high: shown(max) }));
}
