// Texts in the language of the document. The server chooses it by the preference of the browser.

export const language = document.documentElement.lang || "en";

let words = {};
let codes = { errors: {}, entries: {} };
let details = []; // forms of the English texts of errors and warnings, and their translations

export async function loadWords() {
  words = await read(language);
}

const loaded = {}; // promises by file

const load = (name, add) => (loaded[name] ??= read(`${name}.${language}`).then(add, () => (loaded[name] = null)));
/** Forms are English texts with gaps, such as "line {n}"; of several that fit, the longest tells. */
const addForms = (found) => (details = [...details, ...Object.entries(found).map(readForm)].sort((one, other) => other.size - one.size));

const addWords = (found) => Object.assign(words, found);

/** Loads the words of all views but that of a model. */
export const loadFormWords = () => Promise.all([load("forms", addWords), load("fields", addWords)]);

/** Loads the texts of the warnings of models. The service sends English ones itself, which are shown without these. */
export const loadWarnings = async () => language !== "en" && load("warnings", addForms);

/** Loads the texts of codes, errors and all warnings. */
export const loadCodes = async () =>
  language !== "en" && Promise.all([load("codes", (found) => (codes = found)), load("details", addForms), loadWarnings()]);

async function read(name) {
  return (await fetch(`assets/i18n/${name}.json`)).json();
}

/** Meaning and remedy of a code in Markdown; empty in English and for unknown codes. */
export function codeWords(code, kind = "errors") {
  const known = Object.assign({}, ...Object.values(codes[kind]));
  return [known[code] ?? []].flat().join(" ");
}

function readForm([form, translation]) {
  const parts = form.split(/\{(\w+)\}/);
  const literal = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("'", `['"]`); // as Python quotes any text
  const pattern = parts.map((part, at) => (at % 2 ? "(.*?)" : literal(part)));
  const quoted = parts.filter((_, at) => at % 2 && parts[at - 1].endsWith("'"));
  const size = form.replace(/\{\w+\}/g, "").length;
  return { pattern: new RegExp(`^${pattern.join("")}$`, "s"), names: parts.filter((_, at) => at % 2), quoted, size, translation };
}

/** The translation of a text of the service by its form; empty in English and for texts that are not known as a whole. */
export function translate(text) {
  for (const { pattern, names, quoted, translation } of details) {
    const found = pattern.exec(text);
    const told = found && fillForm(translation, (name) => found[names.indexOf(name) + 1], quoted);
    if (told) return told;
  }
  return "";
}

/** Fills the gaps of a translation; a gap in capitals is a sentence or list to translate. Null if one is not known. */
function fillForm(translation, gap, quoted) {
  let isKnown = true;
  const told = translation.replace(/\{(\w+)\}/g, (_, name) => {
    const part = gap(name.toLowerCase());
    if (quoted.includes(name)) return part; // a name or a cell as it is
    const words = name === name.toLowerCase() ? value(part) : translate(part) || listWords(part);
    isKnown &&= words !== null;
    return words?.replace(/\.$/, "");
  });
  return isKnown ? told : null;
}

/** Values and translated parts of a list; null for other words. */
function listWords(text) {
  const parts = text.split(", ").map((part) => translate(part) || value(part));
  return parts.some((part) => /(^|[^«\w])[a-z]{2,} [a-z]{2,}/.test(part)) ? null : parts.join(", ");
}

/** A number as it is written here, and names in the quotation marks of here. */
function value(text) {
  const [, whole, fraction = "", exponent] = /^(-?\d+|-?\d{1,3}(?:,\d{3})+)(\.\d+)?(e[+-]\d+)?$/.exec(text) ?? [];
  if (exponent) return powerOfTen(text);
  return whole ? count(whole.replaceAll(",", "")) + fraction.replace(".", decimal) : text.replace(/(['"])(.*?)\1/g, "«$2»");
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
  return new Intl.NumberFormat(language, { maximumSignificantDigits: digits }).format(value).replace("-", "−");
}

/** Formats a share such as R², of which 1 is all, with fixed decimals: 0.0000, never −0.0000 or −8·10⁻⁵. */
export function share(value, decimals = 4) {
  if (!Number.isFinite(value)) return "–";
  const rounded = Number(value.toFixed(decimals)) || 0;
  const format = new Intl.NumberFormat(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  return format.format(rounded).replace("-", "−");
}

/** Formats 1.5e-7 as 1.5·10⁻⁷. */
function powerOfTen(text) {
  const [mantissa, exponent] = text.split("e");
  return `${mantissa.replace(".", decimal).replace("-", "−")}·10${raise(Number(exponent))}`;
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
