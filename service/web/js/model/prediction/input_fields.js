// One input: a slider with a number, a select field or a checkbox, and "missing" if the training rows have it.

import { html, nothing } from "../../../vendor/lit-html.js";
import { number, t } from "../../i18n.js";
import { moment } from "../../parts/moment.js";
import { labelWithUnit, range, unitOf } from "../labels.js";
import { short } from "../rows.js";

const EXTENSION_SHARE = 0.1; // share of the training range, on both sides

let last = 0;
const ids = new Map();

export function field(feature, value, model, change) {
  const id = idOf(`${model.id} ${feature.name}`);
  const unit = unitOf(model, feature.name);
  const kind = feature.categories ? choice : feature.type === "boolean" ? tick : feature.type === "datetime" ? when : measure;
  return html`<fieldset class="input">
    <legend>${labelWithUnit(feature.name, unit)}</legend>
    ${kind({ feature, value, unit, id, change })}
    ${feature.has_missing ? missing(feature, value, change) : nothing}
  </fieldset>`;
}

/** A stable id for a name with any characters. */
function idOf(name) {
  if (!ids.has(name)) ids.set(name, `input-${(last += 1)}`);
  return ids.get(name);
}

function measure({ feature, value, unit, id, change }) {
  const isMissing = value === null;
  const hasRange = feature.min !== null && feature.max !== null && feature.max > feature.min;
  const typed = (event) => {
    const next = event.target.value === "" ? NaN : Number(event.target.value.replace(",", "."));
    if (Number.isFinite(next)) change(next);
  };
  const { margin = 0 } = feature; // of models of earlier versions
  const isOutside = hasRange && !isMissing && (value < feature.min - margin || value > feature.max + margin);
  return html`<div class="measure">
      ${hasRange ? slider(feature, isMissing ? feature.fill : value, id, isMissing, typed) : nothing}
      <input
        type="number"
        step="any"
        aria-label=${t("model.try.value of", { name: feature.name })}
        aria-describedby=${id}
        .value=${isMissing ? "" : String(value)}
        ?disabled=${isMissing}
        @input=${typed}
      />
    </div>
    <span class=${isOutside ? "hint outside" : "hint"} id=${id}>
      ${hasRange ? t(isOutside ? "model.try.outside" : "model.try.seen", { range: range([feature.min, feature.max], unit) }) : nothing}
    </span>`;
}

function slider(feature, value, id, isMissing, typed) {
  const [low, high, step] = reach(feature);
  return html`<input
    type="range"
    min=${low}
    max=${high}
    step=${step}
    aria-label=${feature.name}
    aria-describedby=${id}
    aria-valuetext=${number(value, 6)}
    .value=${String(Math.min(Math.max(value ?? low, low), high))}
    ?disabled=${isMissing}
    @input=${typed}
  />`;
}

/** The training range extended on both sides, with a step that is a power of ten. */
function reach({ min, max, type }) {
  const span = max - min;
  const step = type === "integer" ? Math.max(1, 10 ** Math.floor(Math.log10(span / 100))) : 10 ** Math.floor(Math.log10(span / 100));
  const low = Math.floor((min - EXTENSION_SHARE * span) / step) * step;
  const high = Math.ceil((max + EXTENSION_SHARE * span) / step) * step;
  return [low, high, step].map((value) => Number(value.toPrecision(12)));
}

function choice({ feature, value, id, change }) {
  return html`<select
      id=${id}
      aria-label=${feature.name}
      ?disabled=${value === null}
      @change=${(event) => change(feature.categories[event.target.selectedIndex])}
    >
      ${feature.categories.map((category) => html`<option .selected=${category === value}>${String(category)}</option>`)}
    </select>`;
}

function when({ feature, value, id, change }) {
  const { min, max } = feature;
  const times = () => t("model.range", { low: moment(min, feature), high: moment(max, feature) });
  return html`<input
    type="text"
    id=${id}
    aria-label=${feature.name}
    aria-describedby="${id}-range"
    .value=${value ?? ""}
    ?disabled=${value === null}
    @change=${(event) => change(event.target.value)}
  />
  <span class="hint" id="${id}-range">${min === null ? nothing : t("model.try.seen", { range: times() })}</span>`;
}

function tick({ feature, value, id, change }) {
  return html`<label for=${id}>
    <input type="checkbox" id=${id} .checked=${value === true} ?disabled=${value === null} @change=${(event) => change(event.target.checked)} />
    ${t(value ? "model.true" : "model.false")}<span class="visually-hidden"> (${feature.name})</span>
  </label>`;
}

function missing(feature, value, change) {
  const toggle = (event) => change(event.target.checked ? null : defaultValue(feature));
  return html`<label class="missing">
    <input type="checkbox" .checked=${value === null} @change=${toggle} />
    ${t("model.missing")}<span class="visually-hidden"> (${feature.name})</span>
  </label>`;
}

function defaultValue(feature) {
  if (feature.categories?.length) return feature.categories[0];
  if (feature.type === "boolean") return Boolean(feature.fill);
  if (feature.type === "datetime") return short(feature.fill, feature.type);
  return Number((feature.fill ?? feature.min ?? 0).toPrecision(4));
}
