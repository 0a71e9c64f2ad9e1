// Texts in the language of the document. The server chooses it by the preference of the browser.

export const language = document.documentElement.lang || "en";

let words = {};
let codes = { errors: {}, entries: {} };
let warnings = []; // forms of the English texts of warnings, and their translations

export async function loadWords() {
  words = await read(language);
}

let asked = language === "en" ? Promise.resolve() : null; // the service sends English texts with each code

/** Loads the texts of codes and warnings, before the first of them is shown. Without them the English ones are shown. */
export const loadCodes = () =>
  (asked ??= Promise.all(["codes", "warnings"].map((name) => read(`${name}.${language}`))).then(
    (found) => ([codes, warnings] = found),
    () => (asked = null),
  ));

async function read(name) {
  return (await fetch(`assets/i18n/${name}.json`)).json();
}

/** Meaning and remedy of a code in Markdown; empty in English and for unknown codes. */
export function codeWords(code, kind = "errors") {
  const known = Object.assign({}, ...Object.values(codes[kind]));
  return [known[code] ?? []].flat().join(" ");
}

/** The translation of a warning without a code, by the form of its English text; empty in English and for unknown forms. */
export function warningWords(detail) {
  for (const [form, translation] of warnings) {
    const found = new RegExp(form).exec(detail);
    if (found) return translation.replace(/\$(\d)/g, (_, place) => found[place]);
  }
  return "";
}

/** The text of a key with `{name}` replaced. Plural forms are an object by the Intl.PluralRules category of `count`. */
export function t(key, values = {}) {
  let found = words[key];
  if (found === undefined) return key;
  if (typeof found === "object") found = found[rules.select(values.count)] ?? found.other;
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The text of a key in a group, or what is given, by default the name itself, if there is none. */
export const named = (group, name, otherwise = name) => (words[`${group}.${name}`] === undefined ? otherwise : t(`${group}.${name}`));

const rules = new Intl.PluralRules(language);
const whole = new Intl.NumberFormat(language);
export const decimal = new Intl.NumberFormat(language).format(0.5)[1];

export const count = (value) => whole.format(value);

/** Formats a measured number with `digits` significant digits. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return powerOfTen(value.toExponential(Math.max(0, digits - 2)));
  return new Intl.NumberFormat(language, { maximumSignificantDigits: digits }).format(value);
}

/** Formats 1.5e-7 as 1.5·10⁻⁷. */
function powerOfTen(text) {
  const [mantissa, exponent] = text.split("e");
  return `${mantissa.replace(".", decimal)}·10${raise(exponent)}`;
}

/** A whole number in raised digits. */
export const raise = (exponent) => [...String(exponent).replace("+", "")].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign])).join("");

export function time(iso) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

export function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 90) return t("seconds", { count: Math.round(value) });
  return t("minutes", { count: Math.round(value / 60) });
}
