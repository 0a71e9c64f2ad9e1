// The chart of an edge: what it contributes over the value that enters, a function beside it, and the rows.

import { number, share, t } from "../../i18n.js";
import { functionWords, labelWithUnit } from "../labels.js";
import { suggestedCurve } from "./library.js";

const [MIN_HEIGHT, MAX_HEIGHT] = [230, 380]; // pixels
const ROOM = 0.06; // above and below the curve, as a share of its range
const ROWS_SHARE = 0.2; // height of the bars of the rows, as a share of the range

/**
 * The chart of a curve for `showChart`; null if it has no finite values.
 *
 * @param fit A suggestion to draw beside the curve, or null.
 * @param histogram Of the values that enter in the rows, or null.
 */
export function curveChart(edge, { from, unit, value, input, label }, fit, histogram) {
  const points = edge.x.map((x, at) => ({ x: input(x), y: isNumber(edge.y[at]) ? value(edge.y[at]) : NaN }));
  const seen = points.filter(({ x, y }) => isNumber(x) && isNumber(y));
  if (!seen.length) return null;
  const f = fit && suggestedCurve(fit);
  const fitted = f ? edge.x.map((x) => ({ x: input(x), y: value(f(x)) })) : [];
  const domain = rangeOf(seen.map(({ y }) => y), histogram ? ROWS_SHARE : 0);
  const name = f ? functionWords(fit.function) : "";
  const told = f ? t("model.edge.curve fit", { function: name, r2: share(fit.r2, 6) }) : "";
  return {
    title: label,
    words: [describeCurve(seen, from), told].filter(Boolean).join(" "),
    filename: from,
    about: [t("model.edge.curve legend"), told, histogram ? t("model.edge.curve rows") : ""].filter(Boolean).join(" "),
    height: (width) => Math.max(MIN_HEIGHT, Math.min(MAX_HEIGHT, 0.6 * width)),
    options: ({ Plot }) => ({
      marginLeft: 64,
      marginBottom: 44,
      x: { label: labelWithUnit(from, unit) },
      y: { label: null, domain, ticks: 6, grid: true },
      marks: [
        histogram ? Plot.rectY(barsOf(histogram, domain), { x1: "x1", x2: "x2", y1: "y1", y2: "y2", fill: "var(--quiet)", fillOpacity: 0.25 }) : null,
        Plot.ruleY([0].filter((zero) => zero >= domain[0] && zero <= domain[1]), { stroke: "var(--quiet)", strokeDasharray: "4 3" }),
        Plot.line(points, {
          x: "x", y: "y", stroke: "var(--accent)", strokeWidth: 3, tip: "x",
          title: (point) => `${from}: ${number(point.x, 4)}\n${label}: ${number(point.y, 4)}`,
        }),
        Plot.line(fitted, { x: "x", y: "y", stroke: "var(--warn)", strokeWidth: 2, strokeDasharray: "7 5", clip: true }),
      ],
    }),
  };
}

const isNumber = Number.isFinite;

function rangeOf(values, share) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = high - low || Math.abs(high) || 1;
  return [low - room * (share + ROOM), high + room * ROOM];
}

/** A bar per class of the values, in the lowest part of the chart. */
function barsOf({ low, high, counts }, [bottom, top]) {
  const most = Math.max(...counts);
  const step = (high - low) / counts.length;
  const unit = ((top - bottom) * ROWS_SHARE) / (1 + ROWS_SHARE) / most;
  return counts.map((count, at) => ({ x1: low + at * step, x2: low + (at + 1) * step, y1: bottom, y2: bottom + count * unit }));
}

/** Where it begins, ends and turns, for those who cannot see it. */
function describeCurve(seen, from) {
  const by = (better) => seen.reduce((one, other) => (better(other.y, one.y) ? other : one));
  const [lowest, highest] = [by((one, other) => one < other), by((one, other) => one > other)];
  const at = ({ x, y }) => ({ x: number(x, 3), y: number(y, 3) });
  const [first, last, low, high] = [seen[0], seen.at(-1), lowest, highest].map(at);
  return t("model.edge.curve in words", {
    from, x1: first.x, y1: first.y, x2: last.x, y2: last.y, xl: low.x, yl: low.y, xh: high.x, yh: high.y,
  });
}
