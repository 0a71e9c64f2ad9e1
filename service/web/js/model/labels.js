// Names, units and numbers of a model as text.

import { named, number, t } from "../i18n.js";

export const unitOf = (model, name) => model.units?.[name] || "";

/** Joins number and unit by a non-breaking space. */
export const withUnit = (value, unit) => (unit ? `${value}\u00a0${unit}` : value);

/** A name with its unit in brackets, unless it ends with the unit, as "length (m)". */
export const labelWithUnit = (name, unit) => (!unit || endsWithUnit(name, unit) ? name : `${name} [${unit}]`);

/** Whether a name ends with its unit in brackets, or after a comma or slash. */
export function endsWithUnit(name, unit) {
  const open = name.trimEnd().replace(/[\])]$/, "").trimEnd();
  return open.endsWith(unit) && /[[(,/]\s*$/.test(open.slice(0, -unit.length));
}

/** The left side of the equation of a formula. */
export function leftSide(output, model) {
  if (output.quantity === "log-odds") return t("model.left.log-odds", { name: output.name, class: model.classes?.[1] ?? "" });
  if (output.quantity === "logit") return t("model.left.logit", { name: output.name });
  return output.name;
}

export function range([low, high], unit = "") {
  return withUnit(t("model.range", { low: number(low), high: number(high) }), unit);
}

/** The translated name of a library function, or the function itself. */
export const functionWords = (name) => named("model.function", name);

export const valueText = (value) => (value === null || value === undefined ? t("model.missing") : formatValue(value));

function formatValue(value) {
  if (typeof value === "boolean") return t(value ? "model.true" : "model.false");
  return typeof value === "number" ? number(value, 6) : String(value);
}

/** The name of a baseline, with the shape of an MLP, because there may be several. */
export const baselineName = (name, { hidden }) =>
  Array.isArray(hidden) ? t("model.baseline.mlp shape", { shape: hidden.join(", ") }) : t(`model.baseline.${name}`);

/** The metrics of each task. */
export const METRICS = {
  regression: ["rmse", "mae", "r2"],
  classification: ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "log_loss"],
  density: ["mean_log_likelihood"],
  equation: ["equation_residual", "condition_residual", "estimated_error"],
};
export const isSmallerBetter = (name) => ["rmse", "mae", "log_loss", ...METRICS.equation].includes(name);
export const isShare = (name) => METRICS.classification.includes(name) && name !== "log_loss";
