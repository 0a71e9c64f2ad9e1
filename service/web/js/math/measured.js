// A measured number with its error, in digits that the error leaves.

import { language, number, raise } from "../i18n.js";

/** As "2.530 ± 0.042" with two digits of the error, or "(1.234 ± 0.012)·10⁻⁷"; the number alone if no error is known. */
export function measured(value, error) {
  if (!error) return number(value, 6);
  if (error > 10 * Math.abs(value)) return `${number(value, 3)}\u00a0±\u00a0${number(error, 2)}`; // it leaves no digit
  const size = Math.max(Math.abs(value), error);
  const power = size >= 1e6 || size < 1e-3 ? exponent(size) : 0;
  const place = exponent(Number(error.toPrecision(2))) - 1 - power; // of the last digit
  const words = [value, error].map((told) => round(told / 10 ** power, place)).join("\u00a0±\u00a0");
  return power ? `(${words})·10${raise(power)}` : words;
}

const LONG_NUMBER = /(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?/g;
const MAX_DIGITS = 6;

/** The text of a formula with six digits of each number, to read; what is copied has all. */
export const readable = (expression) =>
  expression.replace(LONG_NUMBER, (told) =>
    told.replace(/e.*|\.|^0\.0*/g, "").length <= MAX_DIGITS ? told : String(Number(Number(told).toPrecision(MAX_DIGITS))),
  );

const exponent = (size) => Number(size.toExponential().split("e")[1]);

function round(value, place) {
  const step = 10 ** Math.max(0, place);
  const digits = Math.min(20, Math.max(0, -place));
  const format = new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" });
  return format.format(step > 1 ? step * Math.round(value / step) : value).replace("-", "−");
}

/** A unit with raised exponents, m/s^2 as m/s², and roots, m^(1/2) as √m. */
export const unitText = (unit) =>
  unit
    .replace(/(\p{L}+)(?:\^|\*\*)\(1\/2\)/gu, "√$1")
    .replace(/(?:\^|\*\*)(-?\d+)/g, (_, digits) => raise(digits))
    .replaceAll("*", "·");
