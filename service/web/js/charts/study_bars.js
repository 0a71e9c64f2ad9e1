// The trainings of a study as bars of the main metric.

import { html, nothing, svg } from "../../vendor/lit-html.js";
import { number, t } from "../i18n.js";
import { settingValue, settingWords } from "../settings/fields.js";

const METRICS = ["rmse", "log_loss"]; // of regressions and classifications; smaller is better
const WIDE = 100; // ratio of values from which the bars are logarithmic

/** @param names Names of the columns; the settings that vary come first. */
export function studyBars(names, rows) {
  const metric = metricOf(names);
  const place = names.indexOf(metric);
  const bars = rows.filter((row) => row[place] !== "").map((row) => ({ label: labelOf(names, row), value: Number(row[place]) }));
  if (!metric || bars.length < 2) return nothing;
  const length = scaleOf(bars.map((bar) => bar.value));
  return html`<figure class="study-bars">
    <figcaption>${t(`job.study.${metric}`)}</figcaption>
    <ul class="bars">${bars.map(({ label, value }) => html`<li>
      <span class="bar-name">${label}</span><span class="bar-count">${number(value, 3)}</span>
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">${svg`<rect width=${length(value)} height="4"></rect>`}</svg>
    </li>`)}</ul>
  </figure>`;
}

/** The main metric of a table; none without errors. */
export const metricOf = (names) => names.find((name) => METRICS.includes(name));

/** Labels such as "Grid 3, Hidden nodes [1]", without some of the settings. */
export function labelOf(names, row, without = []) {
  const settings = names.slice(1, names.findIndex((name) => /^(mae|accuracy)$/.test(name)));
  return settings.flatMap((name, place) => (without.includes(name) ? [] : [`${settingWords(name)} ${settingValue(name, row[place + 1])}`])).join(", ");
}

function scaleOf(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (low <= 0 || high / low < WIDE) return (value) => (100 * value) / (high || 1);
  const floor = Math.floor(Math.log10(low)) - 0.2;
  return (value) => (100 * (Math.log10(value) - floor)) / (Math.log10(high) - floor);
}
