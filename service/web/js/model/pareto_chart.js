// A small chart of error against length: the size or the complexity. The table below has the same numbers.

import { html, svg } from "../../vendor/lit-html.js";
import { number, t } from "../i18n.js";
import { ticks } from "./curves/curve.js";
import { withUnit } from "./labels.js";

const [WIDTH, HEIGHT] = [640, 260];
const [LEFT, RIGHT, TOP, BOTTOM] = [84, 24, 20, 46];

export function frontChart(entries, measure, unit) {
  const places = placePoints(entries, measure);
  const steps = places.map(({ x, y }, at) => (at ? `H${x}V${y}` : `M${x},${y}`)).join("");
  const label = t("model.front.chart", { count: entries.length });
  return html`<figure class="picture chart">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${label}>
      ${axes(entries, measure, unit)}
      <path class="steps" d=${steps} />
      ${places.map(point)}
    </svg>
    <figcaption>${t("model.front.chart about")}</figcaption>
  </figure>`;
}

/** Places the points. Errors of 0, which have no logarithm, lie on the lower edge. */
function placePoints(entries, measure) {
  const [x, y] = scales(entries, measure);
  const places = entries.map((entry, at) => ({ x: x(entry[measure]), y: y(entry.rmse), entry, at }));
  const isClose = (one, other) => Math.abs(one.x - other.x) < 16 && Math.abs(one.y - other.y) < 16;
  return places.map((place, at) => ({ ...place, isBelow: at > 0 && isClose(place, places[at - 1]) }));
}

function scales(entries, measure) {
  const [shortest, longest] = [entries[0][measure], entries.at(-1)[measure]];
  const [low, high] = errorRange(entries).map(Math.log10);
  const width = WIDTH - LEFT - RIGHT;
  const height = HEIGHT - TOP - BOTTOM;
  const share = (value, from, to) => (to > from ? (value - from) / (to - from) : 0.5);
  return [
    (value) => round(LEFT + width * (0.04 + 0.92 * share(value, shortest, longest))),
    (value) => round(TOP + height * (1 - share(value > 0 ? Math.max(Math.log10(value), low) : low, low, high))),
  ];
}

const round = (value) => Math.round(10 * value) / 10;

/** The range of the axis around all positive errors, extended downwards for errors of 0. */
function errorRange(entries) {
  const errors = entries.map(({ rmse }) => rmse).filter((rmse) => rmse > 0);
  if (!errors.length) return [1e-16, 1];
  const [low, high] = [Math.min(...errors), Math.max(...errors)];
  return [errors.length < entries.length ? low / 20 : low / 1.4, high * 1.4];
}

/** Powers of ten, or ticks between them if these are few. */
function errorTicks([low, high]) {
  const [from, to] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  const every = Math.max(1, Math.ceil((to - from) / 5));
  const powers = Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
  if (powers.length > 2) return powers.filter((power) => (to - power) % every === 0).map((power) => 10 ** power);
  return ticks(low, high).filter((value) => value > 0);
}

function axes(entries, measure, unit) {
  const [x, y] = scales(entries, measure);
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  const lengths = spread([...new Set(entries.map((entry) => entry[measure]))], x);
  return svg`
    ${errorTicks(errorRange(entries)).map(
      (error) => svg`<line class="rule" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(error)} y2=${y(error)} />
        <text class="tick" x=${LEFT - 10} y=${y(error) + 4} text-anchor="end">${number(error, 2)}</text>`,
    )}
    ${lengths.map((length) => svg`<text class="tick" x=${x(length)} y=${HEIGHT - BOTTOM + 20} text-anchor="middle">${length}</text>`)}
    <text class="axis" x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 6} text-anchor="middle">${t(`model.front.${measure}`)}</text>
    <text class="axis" transform="rotate(-90 14 ${middle})" x="14" y=${middle} text-anchor="middle"
      >${withUnit(t("model.front.rmse"), unit && `[${unit}]`)}</text>`;
}

/** The values whose labels do not overlap. */
function spread(values, x) {
  const kept = [];
  for (const value of values) if (!kept.length || x(value) - x(kept.at(-1)) >= 26) kept.push(value);
  return kept;
}

function point({ x, y, entry, at, isBelow }) {
  return svg`<g class=${entry.isChosen ? "point chosen" : "point"}>
    <title>${at + 1}: ${entry.expression}</title>
    <circle cx=${x} cy=${y} r=${entry.isChosen ? 7 : 5} />
    <text x=${x + 9} y=${isBelow ? y + 18 : y - 9}>${at + 1}</text>
  </g>`;
}
