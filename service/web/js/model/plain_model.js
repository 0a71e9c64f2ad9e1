// What a reader must know of the choice of the member that answers: a line is enough, rows are too few to check,
// or a line is better than the network that was asked for.

import { html, nothing } from "../../vendor/lit-html.js";
import { count, number, t } from "../i18n.js";
import { automatic } from "./members.js";
import { unitOf, withUnit } from "./labels.js";

const REQUESTED = /^(a straight line|no network) is better (than logistic regression )?by cross-validation/;
const ENOUGH = /^a straight line is enough/; // a formula that is one
const METRIC = { regression: "rmse", classification: "log_loss" };
const FEW = /rows are too few to check a model$/;

/** @param formulas The formulas of the model; null if it has none. */
export function plainModelNote(model, formulas) {
  const kind = formulas?.verdict === "exact" ? null : findKind(model);
  if (!kind) return nothing;
  const words = { target: model.target, rows: count(trainingRows(model)) };
  return html`<div class="note" data-plain=${kind}>
    <p><strong>${t(`model.plain.${kind}`, words)}</strong> ${t(`model.plain.${kind} about`, words)}</p>
    ${kind === "few" ? nothing : errors(model)}
  </div>`;
}

function findKind(model) {
  const { linear } = model.members;
  const tells = (pattern) => model.warnings.some((warning) => typeof warning === "string" && pattern.test(warning));
  if (tells(FEW)) return "few";
  if (tells(REQUESTED)) return "requested";
  if (automatic(model) === "linear") return linear.kind;
  if (tells(ENOUGH)) return "linear";
  const [own, line] = measured(model);
  return own > line && model.split.test_rows ? "hold-out" : null;
}

const trainingRows = ({ split }) => (split?.training_rows ?? 0) + (split?.validation_rows ?? 0);

/** The errors on the same rows: of what answers, and of the line, or of the most accurate network if the line answers. */
function measured({ members, task }) {
  const by = automatic({ members });
  return [by, by === "linear" ? "accurate" : "linear"].map((name) => members[name]?.metrics[METRIC[task]]);
}

function errors(model) {
  const [own, other] = measured(model);
  if (!Number.isFinite(own) || !Number.isFinite(other) || own === other || !model.split.test_rows) return nothing;
  const unit = model.task === "regression" ? unitOf(model, model.target) : "";
  const words = { own: withUnit(number(own, 4), unit), other: withUnit(number(other, 4), unit), rows: count(model.split.test_rows) };
  const than = automatic(model) === "linear" ? "" : " of line";
  return html`<p class="hint">${t(`model.plain.${METRIC[model.task]}${than}`, words)}</p>`;
}
