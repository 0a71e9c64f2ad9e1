// Error over time: a large dot for every network that was tried, a small one for its training, and the best so far as a line.

import { number, seconds, t } from "../i18n.js";
import { progressWords, trialWords } from "../job/progress_words.js";
import { showChart } from "./chart.js";
import { logAxis } from "./log_axis.js";

/** A function that shows the chart in an element: `show(points)` with { at: seconds since the start, error, and message or trial } in order of time. */
export function errorChart(host) {
  let update = null;
  let shown = 0;
  return async (points) => {
    if (points.length === shown || host.matches(":has(.chart-area:hover)")) return; // what someone points at stays
    shown = points.length;
    const chart = describeChart(points);
    if (update) (await update)(chart);
    else update = showChart(host, chart);
  };
}

function describeChart(points) {
  let lowest = Infinity;
  const trials = points.filter(({ trial }) => trial);
  const measured = trials.length ? trials : points; // errors in training may be those of the training rows
  const best = measured.map(({ at, error }) => ({ at, error: (lowest = Math.min(lowest, error)) }));
  best.push({ at: points.at(-1).at, error: lowest });
  return {
    title: t("job.curve"),
    about: t("job.curve about"),
    words: t("job.curve words", { best: number(lowest, 2), count: trials.length || points.length, first: number(points[0].error, 2), time: seconds(points.at(-1).at) }),
    filename: "errors",
    height: (width) => Math.min(260, 0.6 * width),
    options: ({ Plot, width }) => ({
      marginLeft: 60,
      x: { label: t("job.curve time"), zero: true, ticks: 6 },
      y: { ...logAxis(points.map(({ error }) => error)), label: t("job.curve error") },
      r: { type: "identity" },
      marks: [
        Plot.line(best, { x: "at", y: "error", curve: "step-after", stroke: "var(--accent)", strokeWidth: 2.5 }),
        Plot.dot(points, { x: "at", y: "error", r: ({ trial }) => (trial || !trials.length ? 3.5 : 1.5), fill: "var(--quiet)", title: pointWords, tip: { lineWidth: Math.min(40, width / 18) } }),
      ],
    }),
  };
}

function pointWords({ at, error, message, trial }) {
  const words = trial ? trialWords(trial) : ((message && progressWords(message)) ?? message ?? "");
  return [words, t("doing.error", { error: number(error, 2) }), t("job.curve after", { time: seconds(at) })].filter(Boolean).join("\n");
}
