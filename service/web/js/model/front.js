// Error against complexity, as a small chart. The table below it has the same numbers.

import { html, svg } from "../../vendor/lit-html.js";
import { number, t } from "../i18n.js";
import { withUnit } from "./words.js";

const [WIDTH, HEIGHT] = [640, 260];
const [LEFT, RIGHT, TOP, BOTTOM] = [84, 24, 20, 46];

export function frontChart(entries, unit) {
  const places = placed(entries);
  const steps = places.map(({ x, y }, at) => (at ? `H${x}V${y}` : `M${x},${y}`)).join("");
  const label = t("model.front.chart", { count: entries.length });
  return html`<figure class="picture chart">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${label}>
      ${axes(entries, unit)}
      <path class="steps" d=${steps} />
      ${places.map(point)}
    </svg>
    <figcaption>${t("model.front.chart about")}</figcaption>
  </figure>`;
}

/** Errors of 0 cannot be on a logarithmic scale: they stand on its lower edge. */
function placed(entries) {
  const [x, y] = scales(entries);
  return entries.map((entry, at) => ({ x: x(entry.complexity), y: y(entry.rmse), entry, at }));
}

function scales(entries) {
  const [simplest, longest] = [entries[0].complexity, entries.at(-1).complexity];
  const [low, high] = decades(entries);
  const width = WIDTH - LEFT - RIGHT;
  const height = HEIGHT - TOP - BOTTOM;
  const share = (value, from, to) => (to > from ? (value - from) / (to - from) : 0.5);
  return [
    (value) => round(LEFT + width * (0.04 + 0.92 * share(value, simplest, longest))),
    (value) => round(TOP + height * (1 - share(value > 0 ? Math.max(Math.log10(value), low) : low, low, high))),
  ];
}

const round = (value) => Math.round(10 * value) / 10;

/** Whole powers of ten around the errors. */
function decades(entries) {
  const logs = entries.map(({ rmse }) => rmse).filter((rmse) => rmse > 0).map(Math.log10);
  if (!logs.length) return [-16, 0];
  const high = Math.ceil(Math.max(...logs));
  const low = Math.min(Math.floor(Math.min(...logs)), high - 1);
  return [entries.some(({ rmse }) => !(rmse > 0)) ? low - 1 : low, high];
}

function axes(entries, unit) {
  const [low, high] = decades(entries);
  const [x, y] = scales(entries);
  const every = Math.ceil((high - low) / 5);
  const powers = Array.from({ length: high - low + 1 }, (_, at) => low + at).filter((power) => (high - power) % every === 0);
  const lengths = spread([...new Set(entries.map(({ complexity }) => complexity))], x);
  return svg`
    ${powers.map(
      (power) => svg`<line class="rule" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(10 ** power)} y2=${y(10 ** power)} />
        <text class="tick" x=${LEFT - 10} y=${y(10 ** power) + 4} text-anchor="end">${number(10 ** power, 1)}</text>`,
    )}
    ${lengths.map((length) => svg`<text class="tick" x=${x(length)} y=${HEIGHT - BOTTOM + 20} text-anchor="middle">${length}</text>`)}
    <text class="axis" x=${(LEFT + WIDTH - RIGHT) / 2} y=${HEIGHT - 6} text-anchor="middle">${t("model.front.complexity")}</text>
    <text class="axis" transform="rotate(-90 14 ${(TOP + HEIGHT - BOTTOM) / 2})" x="14" y=${(TOP + HEIGHT - BOTTOM) / 2} text-anchor="middle"
      >${withUnit(t("model.front.rmse"), unit && `[${unit}]`)}</text>`;
}

/** Those that have room beside each other. */
function spread(values, x) {
  const kept = [];
  for (const value of values) if (!kept.length || x(value) - x(kept.at(-1)) >= 26) kept.push(value);
  return kept;
}

function point({ x, y, entry, at }) {
  return svg`<g class=${entry.isChosen ? "point chosen" : "point"}>
    <title>${at + 1}: ${entry.expression}</title>
    <circle cx=${x} cy=${y} r=${entry.isChosen ? 7 : 5} />
    <text x=${x + 9} y=${y - 9}>${at + 1}</text>
  </g>`;
}
