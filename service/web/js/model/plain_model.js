// A banner where the model is not better than a line or a constant: what serves, and what this means.

import { html, nothing } from "../../vendor/lit-html.js";
import { count, number, t } from "../i18n.js";
import { automatic } from "./members.js";
import { unitOf, withUnit } from "./labels.js";

// How warnings of the service name the simple models.
const KINDS = { "a constant": "constant", "a straight line": "line", "the exponential of a straight line": "exponential", "logistic regression": "logistic" };
const NOT_BETTER = new RegExp(`^(?:no network is better than )?(${Object.keys(KINDS).join("|")})(?: is better)? by cross-validation`);
const METRIC = { regression: "rmse", classification: "log_loss" };

/** @param formulas The formulas of the model; null if it has none. */
export function plainModelBanner(model, formulas) {
  const found = formulas?.verdict === "exact" ? null : findPlainModel(model);
  if (!found) return nothing;
  const { kind, hasReplaced } = found;
  const isFormula = automatic(model) === "formula";
  const served = isFormula ? "formula" : hasReplaced ? "replaced" : "requested";
  return html`<div class=${isFormula ? "warning" : "problem"} data-plain=${kind}>
    <p><strong>${t(`model.plain.${kind}`, { target: model.target })}</strong></p>
    <p>${t(`model.plain.${kind} about`, { target: model.target })} ${kind === "hold-out" ? nothing : t(`model.plain.${served}`)}</p>
    ${errors(model)}
  </div>`;
}

/** The simple model that is as good, and whether it serves: by cross-validation, or else on the hold-out rows. */
function findPlainModel(model) {
  const texts = model.warnings.filter((warning) => typeof warning === "string");
  const told = texts.map((text) => ({ text, name: NOT_BETTER.exec(text)?.[1] })).find(({ name }) => name);
  if (told) return { kind: KINDS[told.name], hasReplaced: told.text.endsWith(" serves") };
  const [own, linear] = measured(model);
  return own >= linear && model.split.test_rows ? { kind: "hold-out" } : null;
}

/** The errors of what serves and of the linear model on the same rows. */
function measured({ task, members, baselines, ...model }) {
  const metric = METRIC[task];
  return [members[automatic({ members, ...model })].metrics[metric], baselines.linear?.metrics[metric]];
}

function errors(model) {
  const [own, linear] = measured(model);
  if (!Number.isFinite(own) || !Number.isFinite(linear) || !model.split.test_rows) return nothing;
  const unit = model.task === "regression" ? unitOf(model, model.target) : "";
  const [mine, other] = [own, linear].map((value) => withUnit(number(value, 4), unit));
  return html`<p>${t(`model.plain.${METRIC[model.task]}`, { own: mine, linear: other, rows: count(model.split.test_rows) })}</p>`;
}
