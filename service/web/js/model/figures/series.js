// How several curves of one chart differ: by colour and by dashes, and the legend that names them.

import { html, svg } from "../../../vendor/lit-html.js";

const COLOURS = ["var(--accent)", "var(--warn)", "var(--good)", "var(--bad)", "currentColor", "var(--quiet)"];
const DASHES = [null, "7 3", "2 3", "9 3 2 3"];

/** The style of one of several curves: twelve pairs of colour and dashes. */
export const seriesStyle = (at) => ({
  stroke: COLOURS[at % COLOURS.length],
  strokeDasharray: DASHES[at % DASHES.length],
  strokeWidth: 2,
});

/** @param entries Pairs of a sign, SVG within 26 × 14 pixels, and its name. */
export const legend = (entries) => html`<ul class="legend">${entries.map(
  ([sign, name]) => html`<li><svg width="26" height="14" aria-hidden="true">${sign}</svg>${name}</li>`,
)}</ul>`;

/** The sign of a curve. */
export function lineSign({ stroke, strokeDasharray, strokeWidth }) {
  const dashes = strokeDasharray ?? "none";
  return svg`<line x2="26" y1="7" y2="7" stroke=${stroke} stroke-width=${strokeWidth} stroke-dasharray=${dashes}></line>`;
}

/** The sign of an area. */
export const areaSign = (fill, opacity) => svg`<rect width="26" height="14" fill=${fill} fill-opacity=${opacity}></rect>`;

/** The sign of a row. */
export const dotSign = ({ r, fill, stroke, strokeWidth }) =>
  svg`<circle cx="13" cy="7" r=${1.3 * r} fill=${fill} stroke=${stroke} stroke-width=${strokeWidth}></circle>`;
