// Why this prediction: what every input adds to the mean prediction, as bars.

import { html, nothing, render, svg } from "../../../vendor/lit-html.js";
import { send } from "../../api.js";
import { number, t } from "../../i18n.js";
import { unitOf, withUnit } from "../labels.js";
import { latest } from "../latest.js";
import { isMeasured } from "../load.js";
import { memberRequest } from "../members.js";

const SHOWN = 10; // bars; the sum of the weaker ones is one more
const REFUSED = ["no_explanation", "explanation_too_costly"];

/** A function that requests contributions after a pause, and shows them in `root`. */
export function createExplainer({ model, path, by, signal }, state, root) {
  if (!["regression", "classification"].includes(model.task)) {
    root.remove(); // nothing will need its room
    return () => {};
  }
  if (!isMeasured(model)) {
    render(refusal("imported"), root);
    return () => {};
  }
  const refused = new Set(); // members without contributions
  let member = by.get();
  const ask = (options) => {
    member = by.get();
    const body = { rows: [state.row], explain: true, ...memberRequest(model, member) };
    return refused.has(member) ? null : send("POST", `${path}/predict`, body, options);
  };
  return latest(signal, ask, ({ body, problem }) => {
    if (REFUSED.includes(problem?.code)) refused.add(member);
    const shown = body ? bars(body, model) : nothing; // the prediction tells any other error
    render(refused.has(member) ? refusal("refused") : shown, root);
  });
}

const title = () => html`<h3>${t("model.why.title")}</h3>`;
const refusal = (why) => html`${title()}<p class="hint">${t(`model.why.${why}`)}</p>`;

function bars({ explanation, predictions }, model) {
  const { outputs, scale } = explanation;
  const output = outputs.find((one) => one.output === String(predictions[0])) ?? outputs[0];
  const [parts] = output.contributions;
  if (!parts) return nothing;
  const unit = scale === "value" ? unitOf(model, model.target) : "";
  const name = scale === "log-odds" ? model.classes[1] : output.output;
  const entries = strongest(Object.entries(parts));
  const largest = Math.max(...entries.map(([, value]) => Math.abs(value))) || 1;
  return html`${title()}
    <p class="hint">${t(`model.why.${scale}`, { class: name, base: withUnit(number(output.base), unit) })}</p>
    <ul class="chances parts" aria-label=${t("model.why.title")}>
      ${entries.map(([input, value]) => html`<li>
        <span class="name">${input}</span>${bar(value / largest)}
        <span class="share">${signed(value, unit)}</span>
      </li>`)}
    </ul>`;
}

function strongest(entries) {
  const sorted = entries.sort(([, one], [, other]) => Math.abs(other) - Math.abs(one));
  const rest = sorted.slice(SHOWN);
  if (rest.length < 2) return sorted;
  const sum = rest.reduce((total, [, value]) => total + value, 0);
  return [...sorted.slice(0, SHOWN), [t("model.why.rest", { count: rest.length }), sum]];
}

function bar(share) {
  const length = 50 * Math.abs(share);
  return html`<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    ${svg`<rect class=${share < 0 ? "down" : "up"} x=${share < 0 ? 50 - length : 50} width=${length} height="8" />`}
    ${svg`<rect class="track" x="49.7" width="0.6" height="8" />`}
  </svg>`;
}

const signed = (value, unit) => withUnit(`${value < 0 ? "−" : "+"}${number(Math.abs(value), 3)}`, unit);
