// The curve of an edge, with both axes: the value that enters, and what it contributes.

import { html, nothing, svg } from "../../../vendor/lit-html.js";
import { number, t } from "../../i18n.js";
import { labelWithUnit } from "../labels.js";

const [WIDTH, HEIGHT] = [520, 300];
const [LEFT, RIGHT, TOP, BOTTOM] = [84, 16, 16, 48];
const MAX_LABEL_LENGTH = 42; // characters of a label beside the axis

export function curve(edge, { from, unit, value, input, label }) {
  const points = edge.x.map((x, at) => [Number.isFinite(x) ? input(x) : null, Number.isFinite(edge.y[at]) ? value(edge.y[at]) : null]);
  const seen = points.filter((point) => point.every(Number.isFinite));
  if (!seen.length) return html`<p class="note">${t("model.edge.no curve")}</p>`;
  const [x, y] = [scale(seen.map(([x]) => x), LEFT, WIDTH - RIGHT), scale(seen.map(([, y]) => y), HEIGHT - BOTTOM, TOP)];
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  return html`<figure class="picture chart">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${describeCurve(seen, from)}>
      ${y.ticks.map((at) => svg`<line class="rule" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(at)} y2=${y(at)} />
        <text class="tick" x=${LEFT - 8} y=${y(at) + 4} text-anchor="end">${number(at)}</text>`)}
      ${x.ticks.map((at) => svg`<line class="rule" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${HEIGHT - BOTTOM} />
        <text class="tick" x=${x(at)} y=${HEIGHT - BOTTOM + 20} text-anchor="middle">${number(at)}</text>`)}
      <text class="axis" x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 6} text-anchor="middle">${labelWithUnit(from, unit)}</text>
      ${y(0) >= TOP && y(0) <= HEIGHT - BOTTOM ? svg`<line class="zero" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(0)} y2=${y(0)} />` : nothing}
      <text class="axis" x="16" y=${middle} text-anchor="middle" transform="rotate(-90 16 ${middle})">${shorten(label)}<title>${label}</title></text>
      <path class="curve" d=${path(points, x, y)} />
    </svg>
  </figure>`;
}

/** A gap where the function is not defined. */
function path(points, x, y) {
  let isOpen = false;
  return points
    .map((point) => {
      const isSeen = point.every(Number.isFinite);
      const step = isSeen ? `${isOpen ? "L" : "M"}${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}` : "";
      isOpen = isSeen;
      return step;
    })
    .join("");
}

const shorten = (text) => (text.length <= MAX_LABEL_LENGTH ? text : `${text.slice(0, MAX_LABEL_LENGTH - 1)}…`);

/** A linear scale with some room at both ends, and its ticks. */
export function scale(values, start, end) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const [from, to] = [low - room, high + room];
  const place = (value) => start + ((value - from) / (to - from)) * (end - start);
  return Object.assign(place, { ticks: ticks(from, to) });
}

/** Four to seven round numbers within a range. */
export function ticks(from, to) {
  const rough = (to - from) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough);
  const first = Math.ceil(from / step);
  const found = Array.from({ length: Math.floor(to / step) - first + 1 }, (_, at) => (first + at) * step);
  return found.map((value) => Number(value.toPrecision(12)));
}

/** Where it begins, ends and turns, for those who cannot see it. */
function describeCurve(seen, from) {
  const by = (better) => seen.reduce((one, other) => (better(other[1], one[1]) ? other : one));
  const [lowest, highest] = [by((one, other) => one < other), by((one, other) => one > other)];
  const at = ([x, y]) => ({ x: number(x, 3), y: number(y, 3) });
  const [first, last, low, high] = [seen[0], seen.at(-1), lowest, highest].map(at);
  return t("model.edge.curve in words", {
    from, x1: first.x, y1: first.y, x2: last.x, y2: last.y, xl: low.x, yl: low.y, xh: high.x, yh: high.y,
  });
}
