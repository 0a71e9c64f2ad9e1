// Simpler and more accurate formulas: the Pareto front as a chart and a table, with a button to use another formula.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { attempt, text } from "../../api.js";
import { showChart } from "../../charts/chart.js";
import { count, number, share, t } from "../../i18n.js";
import { readable } from "../../math/measured.js";
import { table } from "../../parts/table.js";
import { submit } from "../submit.js";
import { unitOf, withUnit } from "../labels.js";
import { frontChart } from "./chart.js";
import { detail, hasR2 } from "./detail.js";
import { entriesOf, lengthOf, networksOf, referencesOf } from "./entries.js";

const MAX_OPEN = 15; // rows of a table that is open from the start

export function frontSection(root, page) {
  const { outputs } = page.formulas;
  const takeFrom = (output) => (entry, button) => {
    const choose = outputs.length > 1 ? { [output.name]: entry.place } : entry.place;
    const change = entry.isNetwork ? { compact: { max_edges: entry.edges } } : { choose };
    submit({ kind: "symbolic", model_id: page.model.id, ...change }, button, root.querySelector(".answer"));
  };
  const typesets = memoizeTypesets(page);
  render(
    html`<p>${t("model.front.about")}</p>
      ${outputs.map((output) => html`${outputs.length > 1 ? html`<h3>${output.name}</h3>` : nothing}<div class="front"></div>`)}
      <div class="answer"></div>`,
    root,
  );
  outputs.forEach((output, at) => front(root.querySelectorAll(".front")[at], output, page, { take: takeFrom(output), typesets }));
}

function front(root, output, page, { take, typesets }) {
  const others = output.pareto.filter(({ expression }) => expression !== output.expression);
  const entries = entriesOf(output);
  const networks = networksOf(entries, output, page.model);
  if (!others.length && networks.length < 2) return render(html`<p class="note">${t("model.front.alone")}</p>`, root);
  if (output.quantity === "density") return render(laws(output), root);
  const unit = output.quantity === "value" ? unitOf(page.model, output.name) : "";
  const references = referencesOf(entries, output, page.model);
  const given = { entries, networks, references, measure: lengthOf(entries), unit, name: output.name, hasOthers: page.formulas.outputs.length > 1 };
  let shown = entries.find((entry) => entry.isChosen);
  let update = () => {};
  const draw = (mathml) => {
    render(view({ ...given, shown, output, model: page.model, take, show, mathml }), root);
    update(frontChart({ ...given, shown }));
  };
  const show = async (entry) => {
    shown = entry;
    const mathml = entry.isNetwork ? null : await typesets(output, entry);
    if (shown === entry) draw(mathml);
  };
  draw(page.texts.mathml.split("\n")[page.formulas.outputs.indexOf(output)]);
  showChart(root.querySelector(".front-chart"), { ...frontChart({ ...given, shown }), onSelect: show }).then((redraw) => {
    update = redraw;
  });
}

function view({ entries, measure, unit, shown, output, model, take, show, mathml }) {
  const shares = hasR2(entries[0]) ? ["r2"] : [];
  const head = ["formula", measure, entries[0].metric, ...shares, "use"].map((name) => t(`model.front.${name}`));
  const select = ({ target }) => {
    const row = target.closest("tbody tr");
    if (row && !target.closest(".use")) show(entries[row.rowIndex - 1]);
  };
  return html`<div class="front-chart"></div>
    <div class="card front-detail" aria-live="polite">${detail({ entry: shown, mathml, output, model, measure, unit, take })}</div>
    <details class="more front-table" ?open=${entries.length <= MAX_OPEN} @click=${select}>
      <summary>${t("model.front.table", { count: entries.length })}</summary>
      ${table(t("model.front.caption", { name: output.name }), ["№", ...head], entries.map(row(shown, unit, take)), {
        numbers: [2, 3, 4].slice(0, 2 + shares.length),
        current: entries.findIndex((entry) => entry.isChosen),
      })}
    </details>`;
}

/** The typeset formulas of the front: requested when one of them is shown. */
function memoizeTypesets({ path, formulas: { outputs }, texts, signal }) {
  let asked = null;
  return async (output, { place }) => {
    const at = outputs.indexOf(output);
    if (place === null) return texts.mathml.split("\n")[at];
    asked ??= attempt(text(`${path}/symbolic?format=mathml&front=true`, { signal }));
    const { body } = await asked;
    const before = outputs.slice(0, at).reduce((sum, { pareto }) => sum + pareto.length, 0);
    return body?.split("\n")[before + place] ?? null;
  };
}

/** Other candidate laws. */
function laws(output) {
  const head = ["formula", "complexity"].map((name) => t(`model.front.${name}`));
  const rows = output.pareto.map((entry) => [
    html`<code class="long">${readable(entry.expression)}</code>`,
    count(entry.complexity),
    number(entry.mean_log_likelihood, 5),
  ]);
  return table(t("model.front.caption", { name: output.name }), [...head, t("model.metric.mean_log_likelihood")], rows, {
    numbers: [1, 2],
  });
}

/** Marks on a formula whose units do not add up, or that is not sound. */
const marks = ({ unit_status: units, sound }) => html`${units === "does_not_add_up" ? mark("wrong units") : nothing}${sound?.status === "violated" ? mark("unsound") : nothing}`;

const mark = (name) => html` <span class="chip">${t(`model.front.${name}`)}</span>`;

function row(shown, unit, take) {
  return (entry) => [
    html`<button class="small" aria-pressed=${String(entry === shown)} aria-label=${t("model.front.number", { number: entry.number })}>${entry.number}</button>`,
    html`<code class="long">${readable(entry.expression)}</code>${marks(entry)}`,
    count(entry.length),
    withUnit(number(entry.error), unit),
    ...(hasR2(entry) ? [share(entry.r2)] : []),
    entry.isChosen
      ? html`<span class="chip">${t("model.front.chosen")}</span>`
      : html`<button
          class="small use"
          aria-label=${t("model.front.use number", { number: entry.number })}
          @click=${(event) => take(entry, event.currentTarget)}
        >
          ${t("model.front.use this")}
        </button>`,
  ];
}
