// What the chart of the front shows: formulas, compact networks, and the errors of models to compare with.

import { t } from "../../i18n.js";
import { baselineName } from "../labels.js";

/** The measure of length of the entries: models of earlier versions have no `size`. */
export const lengthOf = (entries) => (entries.every(({ size }) => Number.isInteger(size)) ? "size" : "complexity");

/** The front by length, with the formula of the model, which may lie off it; `place` is the index in `pareto`. */
export function entriesOf(output) {
  const known = output.pareto.map((entry, place) => ({ ...entry, place, isChosen: entry.expression === output.expression }));
  const all = known.some((entry) => entry.isChosen) ? known : [...known, { ...output, place: null, isChosen: true }];
  const measure = lengthOf(all);
  all.sort((one, other) => one[measure] - other[measure] || other.rmse - one.rmse);
  return all.map((entry, at) => ({ ...entry, number: at + 1, length: entry[measure] }));
}

/** Whether errors of the model are those of this formula: with one output, in the units of the target. */
const isComparable = (output, { outputs }) => output.quantity === "value" && outputs.length === 1;

/** The compact networks with the RMSE that follows from R² on the same rows. */
export function networksOf(output, model) {
  const { rmse, r2 } = model.members.accurate.metrics;
  if (!isComparable(output, model) || !(r2 < 1)) return [];
  return (model.members.compact?.path ?? [])
    .filter((step) => Number.isFinite(step.r2))
    .map((step) => ({ ...step, isNetwork: true, length: step.edges, rmse: rmse * Math.sqrt((1 - step.r2) / (1 - r2)) }));
}

/** Errors of the network and of the baselines, as {name, rmse}. */
export function referencesOf(output, model) {
  if (!isComparable(output, model)) return [];
  const baselines = Object.entries(model.baselines).map(([name, entry]) => ({ name: baselineName(name, entry), rmse: entry.metrics.rmse }));
  const network = { name: t("model.member.accurate"), rmse: model.members.accurate.metrics.rmse };
  return [network, ...baselines].filter(({ rmse }) => rmse > 0);
}
