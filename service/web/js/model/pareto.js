// Simpler and more accurate formulas: the Pareto front, with a button to select another formula.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { count, number, t } from "../i18n.js";
import { table } from "../parts/table.js";
import { frontChart } from "./pareto_chart.js";
import { submit } from "./submit.js";
import { unitOf, withUnit } from "./labels.js";

export function paretoSection(root, page) {
  const { outputs } = page.formulas;
  const take = (output, place, button) => {
    const choose = outputs.length > 1 ? { [output.name]: place } : place;
    submit({ kind: "symbolic", model_id: page.model.id, choose }, button, root.querySelector(".answer"));
  };
  render(
    html`<p>${t("model.front.about")}</p>
      ${outputs.map((output) => front(output, page, take))}
      <div class="answer"></div>`,
    root,
  );
}

function front(output, { model, formulas }, take) {
  const title = formulas.outputs.length > 1 ? html`<h3>${output.name}</h3>` : nothing;
  const others = output.pareto.filter(({ expression }) => expression !== output.expression);
  if (!others.length) return html`${title}<p class="note">${t("model.front.alone")}</p>`;
  if (output.quantity === "density") return laws(output);
  const unit = output.quantity === "value" ? unitOf(model, output.name) : "";
  const entries = entriesOf(output);
  const measure = lengthOf(entries);
  const head = ["formula", measure, "rmse", "r2", "use"].map((name) => t(`model.front.${name}`));
  return html`${title}
    ${frontChart(entries, measure, unit)}
    ${table(t("model.front.caption", { name: output.name }), ["№", ...head], entries.map(row(output, measure, unit, take)), {
      numbers: [0, 2, 3, 4],
      current: entries.findIndex((entry) => entry.isChosen),
    })}`;
}

/** Other candidate laws. */
function laws(output) {
  const head = ["formula", "complexity"].map((name) => t(`model.front.${name}`));
  const rows = output.pareto.map((entry) => [
    html`<code class="long">${entry.expression}</code>`,
    count(entry.complexity),
    number(entry.mean_log_likelihood, 5),
  ]);
  return table(t("model.front.caption", { name: output.name }), [...head, t("model.metric.mean_log_likelihood")], rows, {
    numbers: [1, 2],
  });
}

/** The measure of length of the entries: models of earlier versions have no `size`. */
const lengthOf = (entries) => (entries.every(({ size }) => Number.isInteger(size)) ? "size" : "complexity");

/** The front by length, with the formula of the model, which may lie off it; `place` is the index in `pareto`. */
function entriesOf(output) {
  const known = output.pareto.map((entry, place) => ({ ...entry, place, isChosen: entry.expression === output.expression }));
  const all = known.some((entry) => entry.isChosen) ? known : [...known, { ...output, place: null, isChosen: true }];
  const measure = lengthOf(all);
  return all.sort((one, other) => one[measure] - other[measure] || other.rmse - one.rmse);
}

/** A mark on a formula whose units do not add up. */
const unitMark = ({ unit_status: status }) => (status === "does_not_add_up" ? html` <span class="chip">${t("model.front.wrong units")}</span>` : nothing);

function row(output, measure, unit, take) {
  return (entry, number_) => [
    String(number_ + 1),
    html`<code class="long">${entry.expression}</code>${unitMark(entry)}`,
    count(entry[measure]),
    withUnit(number(entry.rmse), unit),
    number(entry.r2, 5),
    entry.isChosen
      ? html`<span class="chip">${t("model.front.chosen")}</span>`
      : html`<button
          class="small"
          aria-label=${t("model.front.use number", { number: number_ + 1 })}
          @click=${(event) => take(output, entry.place, event.currentTarget)}
        >
          ${t("model.front.use this")}
        </button>`,
  ];
}
