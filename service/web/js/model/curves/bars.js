// The bars of a category: what every level contributes, as a chart and as a table.

import { html, svg } from "../../../vendor/lit-html.js";
import { number, t } from "../../i18n.js";
import { table } from "../../parts/table.js";
import { scale } from "./curve.js";

const [WIDTH, ROW, LEFT, RIGHT, TOP, BOTTOM] = [520, 26, 170, 16, 12, 52];
const MAX_NAME_LENGTH = 22; // characters; the tooltip and the table have longer names in full

export function bars(curve, { from, value, label }) {
  const levels = curve.levels
    .map((level) => ({ name: levelName(level), value: Number.isFinite(level.value) ? value(level.value) : null }));
  const known = levels.filter((level) => level.value !== null);
  if (!known.length) return html`<p class="note">${t("model.edge.no curve")}</p>`;
  const x = scale([0, ...known.map((level) => level.value)], LEFT, WIDTH - RIGHT);
  const bottom = TOP + ROW * levels.length;
  return html`<figure class="picture chart">
      <svg viewBox="0 0 ${WIDTH} ${bottom + BOTTOM}" role="img" aria-label=${t("model.edge.bars in words", { from })}>
        ${x.ticks.map((at) => svg`<line class="rule" x1=${x(at)} x2=${x(at)} y1=${TOP} y2=${bottom} />
          <text class="tick" x=${x(at)} y=${bottom + 20} text-anchor="middle">${number(at)}</text>`)}
        ${levels.map((level, place) => bar(level, TOP + ROW * (place + 0.5), x))}
        <line class="zero" x1=${x(0)} x2=${x(0)} y1=${TOP} y2=${bottom} />
        <text class="axis" x=${WIDTH / 2} y=${bottom + 44} text-anchor="middle">${label}</text>
      </svg>
    </figure>
    ${table(t("model.edge.levels"), [from, t("model.edge.value")], levels.map((level) => [level.name, number(level.value)]), { numbers: [1] })}`;
}

function bar({ name, value }, y, x) {
  const [start, end] = value === null ? [0, 0] : [Math.min(x(0), x(value)), Math.max(x(0), x(value))];
  return svg`<text class="level" x=${LEFT - 8} y=${y + 4} text-anchor="end">${shorten(name)}<title>${name}</title></text>
    <rect class="bar" x=${start} y=${y - ROW * 0.36} width=${end - start} height=${ROW * 0.72}><title>${name}: ${number(value)}</title></rect>`;
}

const shorten = (name) => (name.length <= MAX_NAME_LENGTH ? name : `${name.slice(0, MAX_NAME_LENGTH - 1)}…`);

function levelName({ level, kind }) {
  if (kind === "other") return t("model.edge.other level");
  if (kind === "missing") return t("model.missing");
  return typeof level === "boolean" ? t(level ? "model.true" : "model.false") : String(level);
}
