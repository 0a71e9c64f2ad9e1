// The quality of the model: comparison with baselines, metrics by class, charts, and warnings.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { count, number, share, t } from "../i18n.js";
import { warningText } from "../parts/problem_text.js";
import { table } from "../parts/table.js";
import { METRICS, baselineName, isShare, isSmallerBetter, unitOf, withUnit } from "./labels.js";

// Warnings of the service that tell of a decision, in which nothing is wrong.
const NOTE = new RegExp(
  "^(the formula is better than .*; the formula answers$|" +
    "column .* is left out: it (is constant|has no values|is the same|identifies)|" +
    "bounds: |monotone \\(|the errors of the target grow)",
  "s",
);

export function quality(root, page) {
  const { model } = page;
  render(
    html`${model.split.test_rows
        ? html`<p>${t("model.quality.about", { rows: count(model.split.test_rows), of: count(rowsOf(model.split)) })}</p>`
        : model.task === "equation"
          ? html`<p>${t("model.quality.equation")}</p>`
          : html`<p class="warning">${t("model.quality.no holdout")}</p>`}
      ${comparisonTable(page)} ${estimates(model)} ${classes(model)} ${decision(model)} ${warnings(model)}
      <div class="row-errors"></div>
      <div class="class-charts"></div>
      ${page.isUnmeasured ? html`<p class="note">${t("model.pictures.none")}</p>` : nothing}`,
    root,
  );
  page.charts.rowErrors?.(root.querySelector(".row-errors"), page);
  page.charts.showClassification?.(root.querySelector(".class-charts"), page);
}

const rowsOf = (split) => (split.training_rows ?? 0) + (split.validation_rows ?? 0) + (split.test_rows ?? 0);

/** A row for each metric, a column for each model, with the best value of a row in bold. */
function comparisonTable({ model }) {
  const names = METRICS[model.task]?.filter((name) => name in model.metrics) ?? Object.keys(model.metrics);
  const entries = [
    {
      name: t(model.members.compact ? "model.quality.accurate" : "model.quality.this"),
      metrics: model.members.accurate.metrics,
      parameters: model.network.parameters,
      seconds: model.timings?.train ?? model.timings?.solve,
    },
    ...compactEntry(model),
    ...formulaEntry(model),
    ...lineEntry(model),
    ...Object.entries(model.baselines).map(([name, entry]) => ({ name: baselineName(name, entry), ...entry })),
  ];
  const rows = names.map((name) => [
    html`${t(`model.metric.${name}`)} <span class="hint">${t(`model.metric.${name} about`)}</span>`,
    ...entries.map((entry) => cell(name, entry, entries, model)),
  ]);
  const sizes = entries.map(({ parameters }) => (parameters === undefined ? "–" : count(parameters)));
  rows.push([html`${t("model.quality.parameters")} <span class="hint">${t("model.quality.parameters about")}</span>`, ...sizes]);
  const seconds = entries.map((entry) => (Number.isFinite(entry.seconds) ? number(entry.seconds, 3) : "–"));
  rows.push([html`${t("model.quality.seconds")} <span class="hint">${t("model.quality.seconds about")}</span>`, ...seconds]);
  const head = [t("model.quality.metric"), ...entries.map((entry) => entry.name)];
  return table(t("model.quality.caption"), head, rows, { numbers: entries.map((_, at) => at + 1) });
}

/** Estimated parameters of equations, with intervals where the measurements determine them. */
function estimates({ parameters }) {
  const rows = Object.entries(parameters ?? {}).map(([name, { value, interval }]) => [
    name,
    ...[value, ...(interval ?? [null, null])].map((told) => (told === null ? "–" : number(told, 4))),
  ]);
  const head = ["parameter", "value", "low", "high"].map((name) => t(`model.law.${name}`));
  return rows.length ? table(t("model.quality.estimates"), head, rows, { numbers: [1, 2, 3] }) : nothing;
}

function cell(name, entry, entries, model) {
  const value = entry.metrics[name];
  const words = metric(name, value, model);
  return value !== undefined && value === bestOf(name, entries) ? html`<strong>${words}</strong>` : words;
}

/** The entry of the network of few curves. */
function compactEntry({ members }) {
  const { compact } = members;
  if (!compact) return [];
  const { edges, parameters } = compact.network;
  return [{ name: t("model.quality.compact", { count: edges }), metrics: compact.metrics, parameters }];
}

/** The entry of the line if it answers; beside it, the linear baseline is the same in nearly all models. */
function lineEntry({ members: { linear } }) {
  return linear?.serves ? [{ name: t(`model.member.${linear.kind}`), metrics: linear.metrics }] : [];
}

/** The entry of the formula, which is a separate member. */
function formulaEntry({ members }) {
  return members.formula ? [{ name: t("model.quality.formula"), metrics: members.formula.metrics }] : [];
}

function bestOf(name, entries) {
  const values = entries.map((entry) => entry.metrics[name]).filter(Number.isFinite);
  if (values.length < 2) return null;
  return isSmallerBetter(name) ? Math.min(...values) : Math.max(...values);
}

function metric(name, value, model) {
  if (!Number.isFinite(value)) return "–";
  if (isShare(name)) return t("model.percent", { value: number(100 * value, 3) });
  const hasUnit = ["rmse", "mae"].includes(name) && model.outputs.length === 1;
  if (name === "r2") return share(value);
  return withUnit(number(value), hasUnit ? unitOf(model, model.target) : "");
}

function classes(model) {
  const entries = Object.entries(model.per_class);
  if (!entries.length) return nothing;
  const names = ["precision", "recall", "f1", "roc_auc"].filter((name) => name in entries[0][1]);
  const head = [t("model.class"), t("model.class.rows"), ...names.map((name) => t(`model.metric.${name}`))];
  const rows = entries.map(([name, told]) => [
    name,
    count(told.support ?? 0),
    ...names.map((metricName) => metric(metricName, told[metricName], model)),
  ]);
  return html`<h3>${t("model.class.title")}</h3>
    ${table(t("model.class.title"), head, rows, { numbers: head.map((_, at) => at).slice(1) })}
    <p class="hint">${t("model.class.about")}</p>`;
}

function decision({ decision: told, threshold, classes: names, metrics }) {
  if (!told) return nothing;
  const values = { threshold: number(threshold), class: names[1], other: names[0] };
  const guess = told.constant_guess_accuracy;
  const isWorse = Number.isFinite(guess) && metrics.accuracy <= guess;
  return html`<h3>${t("model.decision.title")}</h3>
    <p>${t(`model.decision.${told.rule}`)} ${Number.isFinite(threshold) ? t("model.decision.threshold", values) : nothing}</p>
    ${Number.isFinite(guess)
      ? html`<p class=${isWorse ? "warning" : ""}>
          ${t(isWorse ? "model.decision.not better" : "model.decision.guess", {
            guess: number(100 * guess, 3),
            accuracy: number(100 * metrics.accuracy, 3),
          })}
        </p>`
      : nothing}`;
}

/** What is wrong, and what was only decided. */
function warnings(model) {
  const isNote = (told) => NOTE.test(told);
  return ["warnings", "notes"].map((kind) => {
    const items = model.warnings.filter((told) => isNote(told) === (kind === "notes"));
    if (!items.length) return nothing;
    return html`<div class=${kind === "notes" ? "note" : "warning"}>
      <p><strong>${t(`model.${kind}`)}</strong></p>
      <ul>${items.map((told) => html`<li>${warningText(told)}</li>`)}</ul>
    </div>`;
  });
}
