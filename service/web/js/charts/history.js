// All events of a job, collapsed at first. Screen readers do not announce them.

import { html } from "../../vendor/lit-html.js";
import { count, named, seconds, t } from "../i18n.js";
import { doing } from "../job/progress_words.js";

const MAX_EVENTS = 200;

export function history(events) {
  const start = events.length ? Date.parse(events[0].created_at) : 0;
  return html`<details class="history">
    <summary>${t("job.history", { count: count(events.length) })}</summary>
    <ol>${events.slice(-MAX_EVENTS).map((event) => html`<li value=${event.number}>
      <span class="hint-inline">${seconds((Date.parse(event.created_at) - start) / 1000)}</span> ${describeEvent(event)}
    </li>`)}</ol>
  </details>`;
}

function describeEvent({ kind, data }) {
  if (kind === "status") return html`<strong>${t(`status.${data.status}`)}</strong>`;
  const words = data.stage ? stageWords(data.stage) : "";
  return html`${words}${data.message ? html`: ${doing(data)}` : ""}`;
}

/** The translated name of a stage, or its name in the service if it is unknown. */
export const stageWords = (stage) => named("stage", stage);
