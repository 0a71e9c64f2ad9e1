// The variables of a formula, their valid ranges, and the accuracy of the constants.

import { html, nothing } from "../../vendor/lit-html.js";
import { named, number, t } from "../i18n.js";
import { table } from "../parts/table.js";
import { range, unitOf, withUnit } from "./labels.js";

export function variables(output, model) {
  const names = Object.keys(output.domain);
  if (!names.length) return html`<p>${t("model.symbols.none")}</p>`;
  const hasFills = Object.keys(output.fills).length > 0;
  const head = [t("model.symbols.name"), t("model.symbols.meaning"), t("model.symbols.range")];
  const rows = names.map((name) => {
    const told = describeVariable(name, output, model);
    return [html`<code>${name}</code>`, told.words, told.range, ...(hasFills ? [told.fill] : [])];
  });
  return html`<h4>${t("model.symbols.title")}</h4>
    ${table(t("model.symbols.caption"), hasFills ? [...head, t("model.symbols.fill")] : head, rows)}
    <p class="hint">${t("model.symbols.about")} ${hasFills ? t("model.symbols.fill about") : nothing}</p>`;
}

/** Describes a variable: a column, an alias of one, or an indicator of a value of one. */
function describeVariable(name, output, model) {
  const derived = Object.entries(output.derived).find(([variable]) => variable === name || safe(variable) === name)?.[1];
  if (derived) return { words: derivedWords(derived), range: t("model.symbols.zero or one"), fill: "–" };
  const column = output.symbols[name] ?? name;
  const feature = model.features.find((known) => known.name === column);
  const unit = unitOf(model, column);
  const isBoolean = feature?.type === "boolean";
  return {
    words: t(isBoolean ? "model.symbols.boolean" : "model.symbols.column", { column }),
    range: isBoolean ? t("model.symbols.zero or one") : range(output.domain[name], unit),
    fill: column in output.fills ? withUnit(number(output.fills[column]), unit) : "–",
  };
}

const safe = (name) => name.replace(/[^\p{L}\p{N}_]/gu, "_");

function derivedWords({ column, ...rule }) {
  if ("part" in rule) return `${rule.wave ? `${rule.wave}: ` : ""}${rule.part} (${column})`;
  if ("equals" in rule) return t("model.symbols.equals", { column, value: rule.equals });
  if ("other_than" in rule) return t("model.symbols.other", { column, values: [rule.other_than].flat().join(", ") });
  return t("model.symbols.is missing", { column });
}

export function constants(output) {
  if (!output.constants?.length) return nothing;
  const { constants: measured } = output;
  const known = { unit: measured.some(({ unit }) => unit), name: measured.some(({ name }) => name) };
  const columns = ["value", "error", "relative", "unit", "name"].filter((column) => known[column] ?? true);
  const cells = {
    value: ({ value }) => number(value, 6),
    error: ({ standard_error: error }) => (error === null ? "–" : `± ${number(error, 2)}`),
    relative: ({ value, standard_error: error }) =>
      value && error !== null ? t("model.percent", { value: number((100 * error) / Math.abs(value), 2) }) : "–",
    unit: ({ unit }) => (unit ? unit : unit === "" ? t("model.constants.no unit") : "–"),
    name: ({ name }) => (name ? naturalConstant(name) : ""),
  };
  const title = t("model.constants.title", { count: measured.length });
  const head = columns.map((column) => t(`model.constants.${column}`));
  const rows = measured.map((constant) => columns.map((column) => cells[column](constant)));
  return html`<details class="more" ?open=${known.unit}>
    <summary>${title}</summary>
    ${table(title, head, rows, { numbers: [0, 1, 2] })}
    <p class="hint">${t("model.constants.about")}</p>
  </details>`;
}

/** The name of a constant of nature, as "speed of light c" or "c^2, of the speed of light c". */
function naturalConstant(told) {
  const [, power, name, symbol] = told.match(/^(?:(\S+), of the )?(.+) (\S+)$/) ?? [null, null, told, ""];
  return html`${named("model.nature", name)} <code>${power ?? symbol}</code>`;
}

/** What units say of the formula: that they do not add up, or which exact numbers carry one. */
export function unitNotes(output) {
  if (output.unit_status === "does_not_add_up") return html`<p class="warning">${t("model.units.wrong")}</p>`;
  if (!output.exact_units?.length) return nothing;
  const shown = output.exact_units.map(([value, unit]) => withUnit(number(value, 6), unit)).join("; ");
  return html`<p class="hint">${t("model.units.exact", { numbers: shown })}</p>`;
}
