// Error over time: dots for the networks tried, and a line for the best so far.

import { html, svg } from "../../vendor/lit-html.js";
import { number, seconds, t } from "../i18n.js";

const WIDTH = 1000;
const HEIGHT = 200;
const MOST_LABELS = 5;

/** @param points { at: seconds since the start, error } in order of time. */
export function errorCurve(points, now) {
  const [low, high] = decades(points);
  const until = Math.max(now, points.at(-1)?.at ?? 0, 1);
  const x = (at) => (at / until) * WIDTH;
  const y = (error) => ((high - Math.log10(error)) / (high - low)) * HEIGHT;
  const words = points.length ? t("job.curve words", { best: number(lowest(points), 2) }) : t("job.curve none");
  return html`<figure class="curve">
    <figcaption id="curve-title">${t("job.curve")}</figcaption>
    <div class="curve-box">
      <div class="curve-levels" aria-hidden="true">${labels(low, high).map((power) => html`<span>${level(power)}</span>`)}</div>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${words}>
        ${labels(low, high).map((power) => svg`<line class="level" x1="0" x2=${WIDTH} y1=${y(10 ** power)} y2=${y(10 ** power)}></line>`)}
        ${points.map(({ at, error }) => svg`<line class="dot" x1=${x(at)} x2=${x(at)} y1=${y(error)} y2=${y(error)}></line>`)}
        ${points.length ? svg`<path class="best" d=${best(points, x, y)}></path>` : ""}
      </svg>
      <div class="curve-times" aria-hidden="true"><span>0</span><span>${seconds(until)}</span></div>
    </div>
    <p class="hint">${points.length ? t("job.curve about") : t("job.curve none")}</p>
  </figure>`;
}

const lowest = (points) => Math.min(...points.map((point) => point.error));

/** The range of integer powers of ten around all errors. */
function decades(points) {
  if (!points.length) return [-3, 0];
  const powers = points.map((point) => Math.log10(point.error));
  const low = Math.floor(Math.min(...powers));
  return [low, Math.max(Math.ceil(Math.max(...powers)), low + 1)];
}

function labels(low, high) {
  const step = Math.ceil((high - low) / (MOST_LABELS - 1));
  const count = Math.floor((high - low) / step);
  return Array.from({ length: count + 1 }, (_, place) => high - place * step);
}

function level(power) {
  return number(10 ** power, 1).replace(/^1·/, "");
}

function best(points, x, y) {
  let top = Infinity;
  const steps = points.map(({ at, error }) => {
    const before = top;
    top = Math.min(top, error);
    return before === Infinity ? `M${x(at)} ${y(top)}` : `H${x(at)}V${y(top)}`;
  });
  return `${steps.join("")}H${WIDTH}`;
}
