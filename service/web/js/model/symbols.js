// The variables of a formula, their valid ranges, and what their units say.

import { html, nothing } from "../../vendor/lit-html.js";
import { number, t } from "../i18n.js";
import { table } from "../parts/table.js";
import { range, unitOf, withUnit } from "./labels.js";

const PHASES = { month: "(n − 1)/12", weekday: "n/7", hour: "n/24" }; // of the parts of times that are cycles

export function variables(output, model) {
  const names = Object.keys(output.domain);
  if (!names.length) return html`<p>${t("model.symbols.none")}</p>`;
  const hasFills = Object.keys(output.fills).length > 0;
  const isSolved = model.task === "equation";
  const head = [t("model.symbols.name"), t("model.symbols.meaning"), t(isSolved ? "model.symbols.domain" : "model.symbols.range")];
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
  if (derived) {
    const told = "part" in derived ? range(output.domain[name]) : t("model.symbols.zero or one");
    return { words: derivedWords(derived), range: told, fill: "–" };
  }
  const column = output.symbols[name] ?? name;
  const feature = model.features.find((known) => known.name === column);
  const unit = unitOf(model, column);
  const isBoolean = feature?.type === "boolean";
  const meaning = isBoolean ? "boolean" : model.task === "equation" ? "independent" : "column";
  return {
    words: t(`model.symbols.${meaning}`, { column }),
    range: isBoolean ? t("model.symbols.zero or one") : range(output.domain[name], unit),
    fill: column in output.fills ? withUnit(number(output.fills[column]), unit) : "–",
  };
}

const safe = (name) => name.replace(/[^\p{L}\p{N}_]/gu, "_");

function derivedWords({ column, ...rule }) {
  if ("part" in rule) {
    const words = { wave: rule.wave, phase: PHASES[rule.part], part: t(`model.part.${rule.part}`, { column }) };
    return t(rule.wave ? "model.symbols.wave" : "model.symbols.part", words);
  }
  if ("equals" in rule) return t("model.symbols.equals", { column, value: rule.equals });
  if ("other_than" in rule) return t("model.symbols.other", { column, values: [rule.other_than].flat().join(", ") });
  return t("model.symbols.is missing", { column });
}

/** What units say of the formula: whether they do not add up. */
export const unitNotes = ({ unit_status: status }) =>
  status === "does_not_add_up" ? html`<p class="warning">${t("model.units.wrong")}</p>` : nothing;
