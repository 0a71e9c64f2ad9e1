// A logarithmic axis whose ticks have short labels.

import { number } from "../i18n.js";

const [ENOUGH_TICKS, MAX_TICKS] = [3, 6];

/** Options of a scale around these values, which are positive. */
export function logAxis(values) {
  const ticks = logTicks(values);
  const tickFormat = (value) => number(value, 1).replace(/^1·/, "");
  return { type: "log", grid: true, ticks, domain: [ticks[0], ticks.at(-1)], tickFormat };
}

/** The digits times all powers of ten from that below `least` to one above `most`. */
function stepsAround(least, most, digits) {
  const low = Math.floor(Math.log10(least));
  const powers = Array.from({ length: Math.ceil(Math.log10(most)) - low + 2 }, (_, place) => low + place);
  return powers.flatMap((power) => digits.map((digit) => digit * 10 ** power));
}

/** Ticks between positive values: powers of ten, with 2 and 5 or all digits where these are few; `otherwise` where all are. */
export function ticksBetween(values, otherwise) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const choices = [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]].map((digits) =>
    stepsAround(least, most, digits).filter((tick) => least <= tick && tick <= most));
  return choices.find((ticks) => ticks.length >= ENOUGH_TICKS) ?? otherwise;
}

/** Ticks around all values: powers of ten, and within two of them 1, 2 and 5 of each. */
function logTicks(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const decades = Math.ceil(Math.log10(most)) - Math.floor(Math.log10(least));
  const all = stepsAround(least, most, decades > 2 ? [1] : [1, 2, 5]);
  const first = all.findLastIndex((tick) => tick <= least);
  const last = all.findIndex((tick) => tick >= most && tick > all[first]);
  const step = Math.ceil((last - first) / MAX_TICKS);
  return all.slice(first, last + 1).filter((_, place) => place % step === 0 || place === last - first);
}
