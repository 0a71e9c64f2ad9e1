// The formula: typeset, its verdict, its valid range, and buttons to copy it.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { count, named, number, share, t } from "../i18n.js";
import { constantsList, constantsTable } from "../math/constants.js";
import { equation } from "../math/equation.js";
import { readable, unitText } from "../math/measured.js";
import { copyButton } from "../parts/copy.js";
import { table } from "../parts/table.js";
import { soundHint, unsoundNote } from "./soundness.js";
import { submit } from "./submit.js";
import { unitNotes, variables } from "./symbols.js";
import { leftSide, unitOf, withUnit } from "./labels.js";

const LONG = 16; // complexity from which a formula is set smaller
const percent = (share) => `${number(100 * share)} %`;
const SIGNS = { exact: "✓", consistent: "≈", approximation: "~", weak: "∅" };

export function formulaSection(root, page) {
  render(page.formulas ? formulaView(page) : missingFormula(page, root), root);
  if (page.formulas?.outputs[0].probability) showRivals(root.querySelector(".rivals"), page);
}

/** Loaded for formulas that have rivals alone. */
async function showRivals(root, page) {
  const { rivalsNote } = await import("./rivals/section.js");
  render(rivalsNote(page.formulas.outputs[0], page), root);
}

function formulaView(page) {
  const { formulas, model } = page;
  const typesets = page.texts.mathml.split("\n");
  const outputs = formulas.outputs.map((output, place) => outputArticle(output, typesets[place], page));
  return html`${verdict(page)}
    ${outputs}
    ${page.formView?.(formulas.form, formulas.outputs[0])}
    ${formulas.outputs.some((output) => output.quantity.startsWith("log")) ? quantity(formulas.outputs[0], model) : nothing}
    <h3>${t("model.formula.take")}</h3>
    <p class="hint">${t("model.formula.take about")}</p>
    <ul class="formats">
      ${page.formats.formulas.filter(({ name }) => name in page.texts).map(({ name, title }) => {
        const label = named("model.format", name, title);
        return html`<li><span>${label}</span> ${copyButton(page.texts[name], t("model.formula.copy as", { format: label }))}</li>`;
      })}
    </ul>`;
}

/** The verdict in a sentence with the error of the formula; what it means, and why it is given, is folded. */
function verdict({ formulas, model }) {
  const name = formulas.verdict;
  const isProved = name === "exact" && model.task === "equation";
  const isWorseThanLine = name === "weak" && formulas.evidence?.beats_constant;
  const about = html`<p>${t(`model.verdict.${isProved ? "proved" : isWorseThanLine ? "line" : name} about`)}</p>`;
  const error = name === "exact" ? nothing : typicalError(formulas, model);
  const reasons = formulas.evidence && name !== "exact" ? evidence(formulas.evidence, model) : nothing;
  const folded = [error === nothing ? nothing : about, reasons];
  return html`<div class="verdict ${name}">
    <p><strong><span aria-hidden="true">${SIGNS[name]}</span> ${t(`model.verdict.${name}`)}</strong>${error}</p>
    ${error === nothing ? about : nothing}
    ${folded.some((part) => part !== nothing)
      ? html`<details class="evidence"><summary>${t("model.evidence")}</summary>${folded}</details>`
      : nothing}
  </div>`;
}

/** The error of the only formula of a value, as the end of a sentence. */
function typicalError({ outputs: [output, ...others], measured_on: where }, model) {
  if (others.length || output.quantity !== "value" || output.rmse === null) return nothing;
  const words = { rmse: withUnit(number(output.rmse, 3), unitText(unitOf(model, output.name))), count: model.split.test_rows ?? 0 };
  const key = { training: "training", "points of the domain": "domain" }[where] ?? "holdout";
  return t(`model.verdict.error ${key}`, words);
}

function evidence(told, model) {
  const better = Object.entries(told.compared_with).filter(([, other]) => other.is_better);
  const words = {
    target: model.target,
    rows: told.rows,
    constants: told.non_structural_constants ?? told.constants, // the second of models of earlier versions
    better: better.map(([name, other]) => `${t(`model.evidence.model.${name}`)} (${number(other.rmse)})`).join(", "),
  };
  const chiSquare = told.chi_square_per_dof ?? null;
  const noise = chiSquare === null
    ? t("model.evidence.noise", { rmse: number(told.noise), target: model.target })
    : t("model.evidence.chi_square", { chi: number(chiSquare), noise: number(told.noise), target: model.target });
  return html`<ul>
    <li>${noise}</li>
    ${told.reasons.map(({ code }) => html`<li>${t(`model.evidence.${code}`, words)}</li>`)}
    ${told.p_value === null ? nothing : html`<li>${t("model.evidence.test", { p: number(told.p_value), power: percent(told.power) })}</li>`}
    ${told.stability === null ? nothing : html`<li>${t("model.evidence.stability", { share: percent(told.stability) })}</li>`}
    ${told.searched ? html`<li>${searchedWords(told.searched)}</li>` : nothing}
  </ul>`;
}

/** What the search has tried, so that "not found" is not taken for "not there". */
function searchedWords({ functions, max_size: size, max_columns: columns, seconds, is_complete: isComplete }) {
  const words = { functions: functions.join(", "), size: count(size), columns: count(columns), seconds: number(seconds, 2) };
  return html`${t("model.evidence.searched", words)} ${t(`model.evidence.${isComplete ? "complete" : "cut"}`)}`;
}

function outputArticle(output, mathml, page) {
  return html`<article class="output">
    ${page.formulas.outputs.length > 1 ? html`<h3>${output.name}</h3>` : nothing}
    <div class=${`formula scroll ${output.complexity > LONG ? "long" : ""}`} tabindex="0" role="region" aria-label=${t("model.formula.region", { name: output.name })}>
      ${typeset(output, mathml, page.model)}
    </div>
    ${constantsList(output, page.formulas)}
    <div class="as-text">
      <code class="scroll" tabindex="0" role="region" aria-label=${t("model.formula.as text", { name: output.name })}
        >${readable(output.expression)}</code
      >
      ${copyButton(output.expression, t("model.formula.copy", { name: output.name }))}
    </div>
    ${unitNotes(output)} ${unsoundNote(output, page.model)} <div class="rivals"></div> ${errors(output, page)} ${variables(output, page.model)} ${page.formulas.form && !hasUnits(output) ? nothing : constantsTable(output)}
  </article>`;
}

const hasUnits = ({ constants: measured }) => measured?.some(({ unit }) => unit);

/** The formula with its left side; as text if its MathML is invalid. */
function typeset(output, mathml, model) {
  const left = leftSide(output, model);
  return equation(mathml, left) ?? html`<code>${left} = ${readable(output.expression)}</code>`;
}

/** The error of the formula on held-out rows. */
function errors(output, { formulas, model }) {
  if (output.quantity === "density") return density(output);
  const isValue = output.quantity === "value";
  const unit = isValue ? unitOf(model, output.name) : "";
  const where = {
    training: t("model.formula.on training"),
    "points of the domain": t("model.formula.on domain"),
  }[formulas.measured_on] ?? t("model.formula.on holdout", { rows: count(model.split.test_rows ?? 0) });
  const facts = [
    ["rmse", withUnit(number(output.rmse), unit)],
    ["max_error", withUnit(number(output.max_error), unit)],
    ["r2", share(output.r2)],
    ["complexity", count(output.complexity)],
  ];
  return html`<details class="more">
    <summary>${t("model.formula.errors")}</summary>
    <p class="hint">${isValue ? where : t("model.formula.beside the network")}</p>
    ${factsList(facts)} ${soundHint(output)}
  </details>`;
}

/** The law, its log-likelihood, and its parameters with their intervals. */
function density({ law, mean_log_likelihood: likelihood, complexity }) {
  const facts = [
    ...(law ? [["law", named("model.law name", law.name)]] : []),
    ["mean_log_likelihood", number(likelihood, 5)],
    ["complexity", count(complexity)],
  ];
  const head = ["parameter", "value", "low", "high"].map((name) => t(`model.law.${name}`));
  const rows = (law?.parameters ?? []).map(({ name, value, low, high }) => [named("model.law parameter", name), ...[value, low, high].map((told) => number(told, 4))]);
  return html`${factsList(facts)}
    ${rows.length ? table(t("model.law.caption"), head, rows, { numbers: [1, 2, 3] }) : nothing}`;
}

/** A list of named values with explanations. */
function factsList(facts) {
  return html`<dl class="facts-list">
    ${facts.map(
      ([name, value]) => html`<div>
        <dt>${t(`model.formula.${name}`)}</dt>
        <dd>${value}</dd>
        <dd class="hint">${t(`model.formula.${name} about`)}</dd>
      </div>`,
    )}
  </dl>`;
}

function quantity(output, model) {
  const key = output.quantity === "log-odds" ? "model.log-odds" : "model.logit";
  return html`<div class="note">
    <p>${t(key, { class: model.classes?.[1] ?? "" })}</p>
    <p><code>${t(`${key} formula`)}</code></p>
  </div>`;
}

/** The reason why there is no formula, and a button for a training that searches for one. */
function missingFormula(page, root) {
  const { request } = page.model.lineage;
  const canTrain = request && (request.kind ?? "train") === "train" && page.model.dataset_id;
  const train = (event) => submit({ ...request, symbolic: true }, event.currentTarget, root.querySelector(".answer"));
  return html`<div class="note">
      <p><strong>${t("model.formula.none")}</strong></p>
      ${page.model.task === "equation"
        ? html`<p>${t("model.formula.none equation")}</p>`
        : html`<p>${t(request?.symbolic ? "model.formula.none found" : "model.formula.none asked")}</p>
            <p>${t("model.formula.none remedy")}</p>`}
    </div>
    ${canTrain
      ? html`<p class="actions"><button class="primary" @click=${train}>${t("model.formula.look")}</button></p>`
      : nothing}
    <div class="answer"></div>`;
}
