// The solution of equations: the problem in print, its residuals, and the solution as curves or as a map with slices.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { number, t } from "../../i18n.js";
import { attempt, get } from "../../api.js";
import { typesetProblem } from "../../equations/typesetting.js";
import { showCurves } from "./curves.js";
import { showPlane } from "./plane.js";

const RESIDUALS = ["equation_residual", "condition_residual", "estimated_error"];

/** What the section shows, fetched with the rest of the page, and the function that renders it. */
export async function loadSolution({ id, lineage }, isMeasured, options) {
  const problem = lineage.request?.equations && lineage.request;
  const [figures, printed] = await Promise.all([
    isMeasured ? attempt(get(`models/${id}/figures`, options)) : {},
    problem ? attempt(typesetProblem(problem, options)) : {},
  ]);
  return { values: figures.body?.solution, problem, printed: printed.body, show: solutionSection };
}

function solutionSection(root, page) {
  const { values, problem, printed } = page.solution;
  const unknowns = values?.axes.length > 1 ? values.unknowns : (values && [values]) || [];
  render(
    html`${problem && printed ? problemView(problem, printed) : nothing} ${residuals(page.model)}
      ${unknowns.map((_, at) => html`<div class="solution-chart" data-at=${at}></div>`)}`,
    root,
  );
  const show = values?.axes.length > 1 ? showPlane : showCurves;
  root.querySelectorAll(".solution-chart").forEach((host, at) => show(host, { ...page, unknown: values.unknowns[at] }));
}

function problemView({ domain }, { equations, conditions }) {
  const lines = (printed) => printed.filter(({ math }) => math).map(({ math, place }) => html`<p>${math} <span class="quiet">${place}</span></p>`);
  const ranges = Object.entries(domain).map(([name, [low, high]]) => `${number(low)} ≤ ${name} ≤ ${number(high)}`);
  return html`<div class="problem-print scroll" tabindex="0" role="region" aria-label=${t("model.solution.problem")}>
    <div>${lines(equations)}</div>
    <div class="conditions">${lines(conditions)}<p class="quiet">${ranges.join(", ")}</p></div>
  </div>`;
}

/** The largest violations, relative to the terms that cancel. */
function residuals({ metrics }) {
  const told = RESIDUALS.filter((name) => Number.isFinite(metrics[name]));
  const view = (name) => html`<span>${t(`model.solution.${name}`)} <strong>${number(metrics[name], 2)}</strong></span>`;
  return html`<p class="residuals">${told.map(view)}</p>`;
}
