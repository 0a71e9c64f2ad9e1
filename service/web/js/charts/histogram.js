// The distribution of the values of a column as bars, with a description for screen readers.

import { html, nothing, svg } from "../../vendor/lit-html.js";
import { count, number, t } from "../i18n.js";

const WIDTH = 240;
const HEIGHT = 56;
const GAP = 1;
const MOST_VALUES = 5;

export function spread(column, rows, unit) {
  if (column.histogram) return histogram(column, unit);
  return column.top.length ? bars(column.top, rows) : nothing;
}

function histogram({ histogram: { low, high, counts } }, unit) {
  const top = Math.max(...counts);
  const step = WIDTH / counts.length;
  return html`<figure class="spread">
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${describeValues(low, high, counts)}>
      ${counts.map((found, place) => {
        const height = found ? Math.max(1.5, (found / top) * HEIGHT) : 0;
        return svg`<rect x=${place * step + GAP / 2} y=${HEIGHT - height} width=${step - GAP} height=${height}></rect>`;
      })}
    </svg>
    <figcaption><span>${number(low)}</span><span>${number(high)}${unit ? ` ${unit}` : ""}</span></figcaption>
  </figure>`;
}

/** Describes the range and the middle half of the values, from the counts. */
function describeValues(low, high, counts) {
  const total = counts.reduce((sum, found) => sum + found, 0);
  const at = (share) => {
    let seen = 0;
    const place = counts.findIndex((found) => (seen += found) >= share * total);
    return low + ((place + 0.5) / counts.length) * (high - low);
  };
  return t("dataset.spread", { low: number(low), high: number(high), from: number(at(0.25), 3), to: number(at(0.75), 3) });
}

function bars(top, rows) {
  return html`<ul class="bars">
    ${top.slice(0, MOST_VALUES).map(
      ({ value, count: found }) => html`<li>
        <span class="bar-name">${String(value)}</span><span class="bar-count">${count(found)}</span>
        <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width=${(100 * found) / rows} height="4"></rect></svg>
      </li>`,
    )}
  </ul>`;
}
