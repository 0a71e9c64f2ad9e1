// Importance of the inputs: bars of the increase of the error when the values of an input are shuffled.

import { count, number, t } from "../../i18n.js";
import { unitOf, withUnit } from "../labels.js";
import { SHOWN_BARS } from "./section.js";
import { shorten } from "../../parts/shorten.js";

const BAR = 26; // height of a bar with its gap
const LETTER = 7; // mean width in pixels
const [MIN_NAMES, MAX_NAMES] = [40, 0.35]; // width of the names, in pixels and as a share of the chart

export function importanceChart({ model, measured: { importance } }) {
  const known = importance.features.filter(({ mean }) => mean !== null);
  const bars = known.slice(0, SHOWN_BARS).map(({ name, mean, std }) => ({ name, mean, std: std ?? 0 }));
  const unit = importance.metric === "rmse" ? unitOf(model, model.target) : "";
  const metric = t(`model.metric.${importance.metric}`);
  const rise = ({ mean, std }) => withUnit(`${number(mean, 3)} ± ${number(std, 2)}`, unit);
  const error = withUnit(number(importance.error), unit);
  const facts = { metric, error, rows: count(importance.rows), shuffles: count(importance.shuffles) };
  const missing = importance.features.length - bars.length + importance.left_out;
  const ends = bars.flatMap(({ mean, std }) => [mean - std, mean + std]);
  const domain = [Math.min(0, ...ends), Math.max(0, ...ends) || 1];
  const longest = LETTER * Math.max(...bars.map(({ name }) => name.length), 1);
  return {
    title: t("model.picture.importance"),
    about: [t("model.picture.importance about", facts), missing && t("model.importance.missing", { count: count(missing) })]
      .filter(Boolean).join(" "),
    words: [t("model.importance.words", facts), bars.map((bar) => `${bar.name}: ${rise(bar)}`).join("; ")].join(" "),
    filename: `${model.name}-importance`,
    isFixed: true,
    height: () => 62 + BAR * bars.length,
    options: ({ Plot, width }) => {
      const names = Math.max(MIN_NAMES, Math.min(longest, MAX_NAMES * width)) + 12;
      const letters = Math.floor((names - 12) / LETTER);
      const label = withUnit(t("model.importance.axis", facts), unit && `[${unit}]`);
      return {
        marginLeft: names,
        marginRight: 56,
        x: { label, domain, labelAnchor: "center", grid: true, ticks: width / 90 },
        y: { label: null, domain: bars.map(({ name }) => name), tickSize: 0, tickFormat: (name) => shorten(name, letters), padding: 0.35 },
        marks: [
          Plot.barX(bars, {
            x: "mean", y: "name", fill: "var(--accent)", fillOpacity: 0.75,
            title: (bar) => `${bar.name}\n${rise(bar)}`, tip: { pointer: "y" },
          }),
          Plot.ruleX([0], { stroke: "var(--quiet)" }),
          Plot.ruleY(bars, {
            x1: ({ mean, std }) => mean - std, x2: ({ mean, std }) => mean + std, y: "name",
            stroke: "currentColor", strokeWidth: 1.3,
          }),
          Plot.text(bars, {
            x: ({ mean, std }) => Math.max(0, mean + std), y: "name", text: ({ mean }) => number(mean, 3),
            textAnchor: "start", dx: 6, fill: "var(--quiet)",
          }),
        ],
      };
    },
  };
}
