// The bars of a category: what every level contributes, as a chart and as a table.

import { html } from "../../../vendor/lit-html.js";
import { number, t } from "../../i18n.js";
import { table } from "../../parts/table.js";
import { shorten } from "../../parts/shorten.js";

const ROW = 26; // pixels per level
const [CHARACTER, AXIS] = [7, 46]; // pixels of a character of a name, and for the axis below
const MAX_NAME_LENGTH = 20; // characters; the tooltip and the table have longer names in full

/** The chart of a category for `showChart`; null if no level has a finite value. */
export function barsChart(curve, { from, value, label }) {
  const levels = levelsOf(curve, value);
  const known = levels.filter((level) => level.value !== null);
  if (!known.length) return null;
  return {
    title: label,
    words: t("model.edge.bars in words", { from }),
    filename: from,
    isFixed: true,
    height: () => ROW * levels.length + AXIS,
    options: ({ Plot }) => ({
      marginLeft: 16 + CHARACTER * Math.max(...levels.map(({ name }) => shorten(name, MAX_NAME_LENGTH).length)),
      x: { label: null },
      y: { type: "band", label: null, domain: levels.map((_, at) => at), tickFormat: (at) => shorten(levels[at].name, MAX_NAME_LENGTH) },
      marks: [
        Plot.gridX({ ticks: 5 }),
        Plot.barX(known, {
          x: "value", y: "at", fill: "var(--accent)", insetTop: 3, insetBottom: 3, tip: true,
          title: ({ name, value: given }) => `${name}: ${number(given)}`,
        }),
        Plot.ruleX([0], { stroke: "var(--quiet)" }),
      ],
    }),
  };
}

export function levelTable(curve, { from, value }) {
  const rows = levelsOf(curve, value).map((level) => [level.name, number(level.value)]);
  return html`${table(t("model.edge.levels"), [from, t("model.edge.value")], rows, { numbers: [1] })}`;
}

function levelsOf(curve, value) {
  return curve.levels.map((level, at) => ({ at, name: levelName(level), value: Number.isFinite(level.value) ? value(level.value) : null }));
}


function levelName({ level, kind }) {
  if (kind === "other") return t("model.edge.other level");
  if (kind === "missing") return t("model.missing");
  return typeof level === "boolean" ? t(level ? "model.true" : "model.false") : String(level);
}
