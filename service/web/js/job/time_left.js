// The time that a job will still take, in words.

import { count, t } from "../i18n.js";

/** The time left as a range, `since` seconds after it was estimated. A single number would be more than is known. */
export function timeLeft({ eta_range: range }, since) {
  if (!range) return t("job.unknown");
  const unit = range[1] - since < 90 ? 1 : 60;
  const [low, high] = range.map((value) => roundTime((value - since) / unit));
  if (unit === 1 && high <= 5) return t("job.soon");
  const words = unit === 1 ? "seconds" : "minutes";
  return low < high ? t("job.range", { low: count(low), high: t(words, { count: count(high) }) }) : t("job.about", { time: t(words, { count: count(high) }) });
}

/** Whole, from 20 on in fives: a range of seconds is not more certain. */
const roundTime = (value) => Math.max(0, value < 20 ? Math.round(value) : 5 * Math.round(value / 5));
