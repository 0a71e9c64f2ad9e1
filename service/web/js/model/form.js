// The form of the request: its constants, and how good it is beside the free search.

import { html, nothing } from "../../vendor/lit-html.js";
import { count, number, t } from "../i18n.js";
import { readable } from "../math/measured.js";
import { table } from "../parts/table.js";

/** @param output The only output, whose formula is the form. */
export function formView(form, output) {
  const head = ["name", "value", "error", "interval"].map((name) => t(`model.form.${name}`));
  const level = number(100 * form.level);
  const ofGroups = new Set((form.groups?.groups ?? []).flatMap((group) => form.groups.own.map((name) => ofGroup(name, group))));
  const rows = form.constants.filter(({ name }) => !ofGroups.has(name)).map(constantRow);
  return html`<h3>${t("model.form.title")}</h3>
    <p><code>${form.text}</code></p>
    ${rows.length ? table(t("model.form.title"), head, rows, { numbers: [1, 2, 3] }) : nothing}
    ${ofGroups.size ? groupsView(form) : nothing}
    <p class="hint">${t("model.form.about", { level })}</p>
    ${form.functions?.length ? functionsView(form.functions) : nothing}
    ${form.free ? freeView(form, output) : nothing}`;
}

const ofGroup = (name, group) => `${name}[${group}]`;

function constantRow(constant) {
  const { name, value, is_held: isHeld, is_at_bound: isAtBound } = constant;
  const told = isHeld ? t("model.form.held") : isAtBound ? t("model.form.at bound") : (errorOf(constant) ?? "–");
  return [html`<code>${name}</code>`, number(value, 6), told, intervalOf(constant)];
}

const errorOf = ({ standard_error: error }) => (error === null ? null : `± ${number(error, 2)}`);

function intervalOf({ low, high }) {
  const end = (bound) => (bound === null ? "…" : number(bound, 4));
  return low === null && high === null ? "–" : t("model.range", { low: end(low), high: end(high) });
}

/** A row for each group, with its constants and their intervals. */
function groupsView({ constants, groups }) {
  const known = new Map(constants.map((constant) => [constant.name, constant]));
  const cells = (constant) => [`${number(constant.value, 6)} ${errorOf(constant) ?? ""}`, intervalOf(constant)];
  const head = [groups.column, ...groups.own.flatMap((name) => [name, t("model.form.interval")])];
  const rows = groups.groups.map((group) => [group, ...groups.own.flatMap((name) => cells(known.get(ofGroup(name, group))))]);
  return html`<h4>${t("model.form.groups")}</h4>
    ${table(t("model.form.groups"), head, rows, { numbers: head.map((_, place) => place).slice(1) })}`;
}

/** What was learnt of each unknown function. Its constants are among those of the form. */
function functionsView(functions) {
  const head = ["function", "reading"].map((name) => t(`model.form.${name}`));
  const rows = functions.map(({ name, columns, expression }) => [`${name}(${columns.join(", ")})`, readable(expression)].map((words) => html`<code>${words}</code>`));
  return html`<h4>${t("model.form.functions")}</h4>
    ${table(t("model.form.functions"), head, rows)}`;
}

/** Both formulas with their errors on the same rows. */
function freeView({ free, text, out_of_sample_rmse: rmse }, output) {
  const head = ["formula", "rmse", "complexity"].map((name) => t(`model.form.compared ${name}`));
  const rows = [
    [html`<code>${text}</code>`, number(rmse), count(output.complexity)],
    [html`<code>${readable(free.expression)}</code>`, number(free.out_of_sample_rmse), count(free.complexity)],
  ];
  return html`<h4>${t("model.form.compared")}</h4>
    ${table(t("model.form.compared"), head, rows, { numbers: [1, 2] })}
    <p>${t(free.is_better ? "model.form.free is better" : free.is_case_of_form ? "model.form.free is a case" : "model.form.free is no better")}</p>`;
}
