// A map of a value over two variables by colour, with the value on hover, and the ramp of its colours.

import { html } from "../../../vendor/lit-html.js";
import { number } from "../../i18n.js";

/** The points of a map, in rows from the lowest; values are given by column, then row. */
export const mapPoints = ([across, up], values) =>
  up.flatMap((y, row) => across.map((x, column) => ({ x, y, value: values[column][row] })));

/**
 * A chart as `showChart` takes it.
 *
 * @param map An object with
 *   axes: the places of the points along both variables, and `labels` of these;
 *   points: from `mapPoints`, and describe(point), the lines on hover;
 *   range: the values of the first and the last colour;
 *   marks(Plot, { x1, x2, y1, y2 }): what is drawn over the map;
 *   and all else that a chart has.
 */
export function mapChart({ axes: [across, up], labels, points, describe, range, marks, ...chart }) {
  const box = { x1: across[0], x2: across.at(-1), y1: up[0], y2: up.at(-1) };
  const largest = Math.max(...range.map(Math.abs));
  return {
    ...chart,
    options: ({ Plot, width }) => ({
      marginLeft: 52,
      x: { label: labels[0], labelAnchor: "center", domain: [box.x1, box.x2], ticks: width / 80 },
      y: { label: labels[1], domain: [box.y1, box.y2], ticks: 6 },
      color: isDiverging(range) ? { scheme: "RdBu", domain: [largest, -largest] } : { scheme: "viridis", domain: range },
      marks: [
        Plot.raster(points, { width: across.length, height: up.length, ...box, fill: "value", clip: true }),
        ...marks(Plot, box),
        Plot.tip(points, Plot.pointer({ x: "x", y: "y", title: (point) => describe(point).join("\n") })),
      ],
    }),
  };
}

/** The colours of a map with the values of the first and the last. */
export const ramp = (range) => html`<p class="ramp">
  <span>${number(range[0], 3)}</span><i class=${isDiverging(range) ? "diverging" : ""} aria-hidden="true"></i>
  <span>${number(range[1], 3)}</span>
</p>`;

const isDiverging = ([low, high]) => low < 0 && high > 0;
