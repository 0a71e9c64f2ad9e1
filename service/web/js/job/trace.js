// The trace of a search: its steps, collapsed at first.

import { html, nothing } from "../../vendor/lit-html.js";
import { count, named, number, t } from "../i18n.js";
import { table } from "../parts/table.js";

const LEFT_OUT = "left out: ";
const FAILED = "the job failed: ";

export function tracePanel({ steps, ended, left_out: missing }) {
  if (!steps.length) return nothing;
  const head = ["strategy", "seconds", "proposed", "entered", "error", "outcome", "best"].map((name) => t(`job.trace.${name}`));
  return html`<details class="history trace">
    <summary>${t("job.trace", { count: steps.length + missing })}</summary>
    ${ended ? html`<p>${t("job.trace.ended")} ${outcomeWords(ended)}.</p>` : nothing}
    ${missing ? html`<p class="hint">${t("job.trace.left out", { count: missing })}</p>` : nothing}
    ${table(t("job.trace.caption"), head, steps.map(stepCells), { numbers: [1, 2, 3, 4] })}
  </details>`;
}

function stepCells({ strategy, path, seconds, proposed, entered, error, outcome, best }) {
  const name = [...path, strategy].map((part) => named("strategy", part)).join(" › ");
  return [name, number(Number(seconds.toFixed(2))), count(proposed), count(entered), number(error, 3), outcomeWords(outcome), best ? html`<code>${best}</code>` : "–"];
}

/** Why a step or the search ended, in the language of the page; an unknown text as it is. */
function outcomeWords(text) {
  if (text.startsWith(FAILED)) return t("job.trace.failed", { code: text.slice(FAILED.length) });
  const isLeftOut = text.startsWith(LEFT_OUT);
  const reason = isLeftOut ? text.slice(LEFT_OUT.length) : text;
  const words = named("outcome", reason, null);
  if (!words) return html`<span lang="en">${text}</span>`;
  return isLeftOut ? t("job.trace.omitted", { reason: words }) : words;
}
