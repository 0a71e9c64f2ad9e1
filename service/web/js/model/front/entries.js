// What the chart of the front shows: formulas, compact networks, and the errors of models to compare with.

import { t } from "../../i18n.js";
import { baselineName } from "../labels.js";

/** The measure of length of the entries: models of earlier versions have no `size`. */
export const lengthOf = (entries) => (entries.every(({ size }) => Number.isInteger(size)) ? "size" : "complexity");

/** The error of the entries: the log loss of a classifier, which models of earlier versions do not have. */
const metricOf = (entries) => (entries.every(({ log_loss: loss }) => Number.isFinite(loss)) ? "log_loss" : "rmse");

/** The front by length, with the formula of the model, which may lie off it; `place` is the index in `pareto`. */
export function entriesOf(output) {
  const known = output.pareto.map((entry, place) => ({ ...entry, place, isChosen: entry.expression === output.expression }));
  const all = known.some((entry) => entry.isChosen) ? known : [...known, { ...output, place: null, isChosen: true }];
  const [measure, metric] = [lengthOf(all), metricOf(all)];
  all.sort((one, other) => one[measure] - other[measure] || other[metric] - one[metric]);
  return all.map((entry, at) => ({ ...entry, number: at + 1, length: entry[measure], metric, error: entry[metric] }));
}

/** Whether errors of the model are those of this formula: log losses, or with one output in the units of the target. */
const isComparable = ([{ metric }], output, { outputs }) => metric === "log_loss" || (output.quantity === "value" && outputs.length === 1);

/** The compact networks, with the RMSE that follows from R² on the same rows. */
export function networksOf(entries, output, model) {
  const [{ metric }] = entries;
  const { rmse, r2 } = model.members.accurate.metrics;
  if (!isComparable(entries, output, model) || (metric === "rmse" && !(r2 < 1))) return [];
  const errorOf = (step) => (metric === "rmse" ? rmse * Math.sqrt((1 - step.r2) / (1 - r2)) : step.log_loss);
  return (model.members.compact?.path ?? [])
    .filter((step) => Number.isFinite(metric === "rmse" ? step.r2 : step.log_loss))
    .map((step) => ({ ...step, isNetwork: true, length: step.edges, metric, error: errorOf(step) }));
}

/** Errors of the network and of the baselines, as {name, error}. */
export function referencesOf(entries, output, model) {
  if (!isComparable(entries, output, model)) return [];
  const [{ metric }] = entries;
  const baselines = Object.entries(model.baselines).map(([name, entry]) => ({ name: baselineName(name, entry), error: entry.metrics[metric] }));
  const network = { name: t("model.member.accurate"), error: model.members.accurate.metrics[metric] };
  return [network, ...baselines].filter(({ error }) => error > 0);
}
