// A prediction: its value with interval or probabilities, and its warnings.

import { html, nothing } from "../../../vendor/lit-html.js";
import { number, t } from "../../i18n.js";
import { problem } from "../../parts/problem.js";
import { valueText, unitOf, withUnit } from "../labels.js";

const DIGITS = 6;

/** `told` is the response of the service; without it and without an error, the request is pending. */
export function answer({ told, error }, model, truth) {
  const title = html`<h3>${t("model.answer.title", { target: model.target })}</h3>`;
  if (error) return html`${title}${problem(error)}`;
  if (!told) return html`${title}<p class="big quiet">…</p>`;
  const prediction = told.predictions[0];
  return html`${title}
    ${isMany(prediction)
      ? Object.entries(prediction).map(([name, value]) => big(value, unitOf(model, name), name))
      : big(prediction, unitOf(model, model.target))}
    <p class="hint by">${t(`model.answer.by.${told.by}`)}</p>
    ${told.intervals ? interval(told.intervals[0], unitOf(model, model.target)) : nothing}
    ${told.probabilities ? bars(told.probabilities[0], prediction) : nothing}
    <p class="hint truth">
      ${truth === undefined || truth === null ? "\u00a0" : t("model.answer.truth", { value: withUnit(valueText(truth), unitOf(model, model.target)) })}
    </p>
    <div class="doubts">${told.warnings.map((warning) => html`<p class="warning">${doubt(warning, told.by)}</p>`)}</div>`;
}

/** Whether a prediction has several outputs: {output: value}. */
const isMany = (prediction) => prediction !== null && typeof prediction === "object";

function big(value, unit, name = "") {
  const words = typeof value === "number" ? withUnit(number(value, DIGITS), unit) : valueText(value);
  return html`<p class="big">${name ? html`<span class="quiet">${name}</span> ` : nothing}<data value=${String(value)}>${words}</data></p>`;
}

function interval(bounds, unit) {
  if (bounds === null) return html`<p class="hint">${t("model.answer.no interval")}</p>`;
  const [low, high] = bounds;
  const digits = [4, 6, 8, 10, 12].find((places) => number(low, places) !== number(high, places));
  if (!digits) return nothing; // exact to the last digit shown
  return html`<p>${t("model.answer.interval", { low: number(low, digits), high: withUnit(number(high, digits), unit) })}</p>`;
}

function bars(probabilities, label) {
  return html`<ul class="chances" aria-label=${t("model.answer.probabilities")}>
    ${Object.entries(probabilities).map(
      ([name, share]) => html`<li class=${name === String(label) ? "chosen" : ""}>
        <span class="name">${name}</span>
        <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="8" /><rect class="fill" width=${100 * (share ?? 0)} height="8" /></svg>
        <span class="share">${t("model.percent", { value: number(100 * (share ?? 0), 3) })}</span>
      </li>`,
    )}
  </ul>`;
}

function doubt({ column, code }, by) {
  const isOfFormula = by === "formula" && code === "outside_training_range";
  return t(isOfFormula ? "model.doubt.beyond" : `model.doubt.${code}`, { column });
}

/** The prediction in one sentence for screen readers. */
export function describePrediction(told) {
  const prediction = told.predictions[0];
  const values = isMany(prediction) ? Object.entries(prediction).map(([name, value]) => `${name} ${valueText(value)}`).join(", ") : valueText(prediction);
  return [t("model.answer.aloud", { value: values }), ...told.warnings.map((warning) => doubt(warning, told.by))].join(" ");
}
