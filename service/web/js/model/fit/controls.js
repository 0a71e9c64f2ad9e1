// What stands around the charts: legend, axes, the values of the other inputs, and the selected row.

import { html, nothing } from "../../../vendor/lit-html.js";
import { number, t } from "../../i18n.js";
import { collapsedFields, labelledField } from "../../parts/labelled.js";
import { goTo } from "../contents.js";
import { areaSign, dotSign, legend, lineSign } from "../figures/series.js";
import { labelWithUnit, unitOf, valueText, withUnit } from "../labels.js";
import { isAxis } from "../rows.js";
import { BAND, CURVES, HELD_ROW, ROW } from "./chart.js";
import { rowTitle } from "./rows.js";

const SHOWN = 8; // inputs shown at once; the others are collapsed
const STEPS = 200; // of a slider

export function content({ model }, table, state, members, act) {
  const isSlice = table.inputs.length > 1;
  return html`<p>${t(isSlice ? "model.fit.about slices" : "model.fit.about")}</p>
    ${legend(signs(model, table, members))}
    <div class=${state.axes.length > 1 ? "fit-charts pair" : "fit-charts"}>
      ${state.axes.map((_, place) => html`<div>${axisField(table, state, place, act)}<div class="fit-chart"></div></div>`)}
    </div>
    ${isSlice ? slice(model, table, state, act) : nothing}
    ${model.classes?.length > 2 ? classField(model, state, act) : nothing} ${selection(model, table, state, act)}`;
}

function signs(model, { rows }, members) {
  const isSplit = rows.some(({ part }) => part);
  return [
    [dotSign(ROW), t(isSplit ? "model.fit.training rows" : "model.fit.rows")],
    ...(isSplit ? [[dotSign(HELD_ROW), t("model.fit.held-out rows")]] : []),
    ...members.map((name, member) => [lineSign(CURVES[member]), t(`model.fit.curve.${name}`)]),
    ...(model.task === "regression" ? [[areaSign(...BAND), t("model.fit.band")]] : []),
  ];
}

function axisField(table, state, place, { change }) {
  const axes = table.inputs.filter(isAxis);
  if (axes.length <= state.axes.length) return nothing;
  const changed = (event) => {
    change({ axes: state.axes.with(place, axes[event.target.selectedIndex]), curves: state.curves.with(place, []) });
  };
  return labelledField(`fit-axis-${place}`, t("model.fit.axis"), "", (id) => html`<select id=${id} @change=${changed}>
    ${axes.map((axis) => html`<option .selected=${axis === state.axes[place]}>${axis.name}</option>`)}
  </select>`);
}

function classField(model, state, { change }) {
  const changed = (event) => change({ label: model.classes[event.target.selectedIndex] });
  return labelledField("fit-class", t("model.fit.class"), "", (id) => html`<select id=${id} @change=${changed}>
    ${model.classes.map((label) => html`<option .selected=${label === state.label}>${valueText(label)}</option>`)}
  </select>`);
}

function slice(model, { inputs }, state, { move }) {
  const isVaried = (feature) => state.axes.length === 1 && feature === state.axes[0]; // in the only chart
  const isKnown = (feature) => isAxis(feature) || feature.categories || feature.type === "boolean";
  const known = inputs.filter((feature) => isKnown(feature) && !isVaried(feature));
  const one = (feature) => control(model, feature, state.at[feature.name], (value) => move(feature.name, value));
  return html`<fieldset class="slice">
    <legend>${t("model.fit.fixed")}</legend>
    <div class="fields">${known.slice(0, SHOWN).map(one)}</div>
    ${collapsedFields("model.try.more", known.slice(SHOWN).map(one))}
  </fieldset>`;
}

function control(model, feature, value, changed) {
  const unit = unitOf(model, feature.name);
  const input = isAxis(feature) ? slider(feature, value, unit, changed) : choice(feature, value, changed);
  return html`<label class="fixed"><span>${labelWithUnit(feature.name, unit)}</span>${input}
    ${isAxis(feature) ? html`<output>${number(value, 3)}</output>` : nothing}</label>`;
}

function slider({ min, max, type, name }, value, unit, changed) {
  return html`<input type="range" min=${min} max=${max} step=${type === "integer" ? 1 : (max - min) / STEPS}
    aria-label=${t("model.fit.value of", { name })} aria-valuetext=${withUnit(number(value, 6), unit)}
    .value=${String(value)} @input=${(event) => changed(event.target.valueAsNumber)} />`;
}

function choice({ categories, name }, value, changed) {
  const values = categories ?? [false, true];
  const chosen = (event) => changed(values[event.target.selectedIndex]);
  return html`<select aria-label=${t("model.fit.value of", { name })} @change=${chosen}>
    ${values.map((one) => html`<option .selected=${one === value}>${valueText(one)}</option>`)}
  </select>`;
}

function selection(model, table, { selected }, { step, through }) {
  const line = (name, value) => html`<span>${name} = ${withUnit(valueText(value), unitOf(model, name))}</span>`;
  const isSlice = table.inputs.length > 1;
  return html`<div class="selected-row">
    <p>
      ${selected
        ? html`<strong>${rowTitle(selected)}</strong> ${line(model.target, selected.target)}
            ${table.inputs.slice(0, SHOWN).map(({ name }) => line(name, selected.inputs[name]))}`
        : t("model.fit.select")}
    </p>
    <p class="actions tight">
      ${button("previous", () => step(-1))} ${button("next", () => step(1))}
      ${isSlice ? button("through", through, !selected) : nothing} ${button("show in form", () => goTo("try"), !selected)}
    </p>
  </div>`;
}

const button = (name, does, isDisabled = false) =>
  html`<button type="button" class="small" ?disabled=${isDisabled} @click=${does}>${t(`model.fit.${name}`)}</button>`;
