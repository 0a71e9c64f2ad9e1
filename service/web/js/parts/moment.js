// Dates and times of a table, without the parts that are only there because the table stores both.

import { language, time } from "../i18n.js";

const NO_DATE = "1970-01-01T"; // before a time of day
const MIDNIGHT = /T00:00:00(\.0+)?$/;

const isTimeOfDay = ({ min, max }) => String(min).startsWith(NO_DATE) && String(max).startsWith(NO_DATE);

/** A moment in words: the date, the time of day, or both. */
export function moment(iso, column) {
  if (isTimeOfDay(column)) return new Intl.DateTimeFormat(language, { timeStyle: "short" }).format(new Date(iso));
  return MIDNIGHT.test(iso) ? new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(iso)) : time(iso);
}

/** A moment as digits, such as 2026-12-31 18:00:00. */
export function momentDigits(iso, column) {
  const digits = iso.replace(/\.0+$/, "");
  return isTimeOfDay(column) ? digits.split("T")[1] : digits.replace(MIDNIGHT, "").replace("T", " ");
}
