// The request body of typed equations, and the mapping of its errors to lines.
//
// Lines with a syntax error are reported at once. The service, which parses the equations, reports all other
// errors.

import { decimal } from "../i18n.js";
import { parseNumbers, parseNumber } from "../settings/body.js";

export const EMPTY = { variables: "", unknowns: "", equations: "", conditions: "", parameters: "", measurements: "", hidden: "", name: "" };
export const DECAY = {
  ...EMPTY,
  variables: "0 < x < 5",
  unknowns: "y",
  equations: "y' = -y",
  conditions: "y(0) = 1",
};
export const NEEDED = ["variables", "unknowns", "equations"];

const READERS = { variables, equations: (text) => ({ text }), conditions, parameters };
const FIELDS = { independent: "variables", domain: "variables" }; // other fields have the names of the body
const RANGE = /^([^<≤]+)[<≤]=?([^<≤]+)[<≤]=?([^<≤]+)$/;
const SEPARATORS = decimal === "," ? /;|\s|,(?!\d)/ : /[,;\s]/; // in locales with a decimal comma, a comma does not separate

/** The body, and the lines by field. Lines with a syntax error have no `told` and are not in the body. */
export function read(values) {
  const lines = Object.fromEntries(Object.entries(READERS).map(([field, reader]) => [field, linesOf(values[field], reader)]));
  const told = (field) => lines[field].flatMap((line) => line.told ?? []);
  const body = {
    kind: "solve",
    independent: told("variables").map(({ name }) => name),
    unknowns: values.unknowns.split(/[,;\s]+/).filter(Boolean),
    domain: Object.fromEntries(told("variables").map(({ name, ends }) => [name, ends])),
    equations: told("equations").map(({ text }) => text),
    conditions: told("conditions").map(({ on, text }) => (on ? { on, residual: text } : text)),
  };
  if (told("parameters").length) body.parameters = Object.fromEntries(told("parameters").map(({ name, start }) => [name, start]));
  if (values.hidden.trim()) body.network = { hidden: parseNumbers(values.hidden) };
  if (values.measurements) body.measurements = { dataset_id: values.measurements };
  if (values.name.trim()) body.name = values.name.trim();
  return { body, lines };
}

/** The field of an entry of `errors`, with its line if any; null if the entry belongs to no field. */
export function placeOf({ pointer = "" }, lines) {
  const [part, which] = pointer.replace(/^#?\//, "").split("/");
  const field = part === "network" ? which : (FIELDS[part] ?? part);
  if (!(field in EMPTY)) return null;
  return { field, line: lines[field]?.find(({ told }, at) => which === String(at) || which === told?.name) };
}

/** Non-empty lines: their number, text, parsed content, and the offset of the text in the field. */
function linesOf(words, reader) {
  let start = 0;
  const lines = words.split("\n").map((whole, at) => {
    const text = whole.trim();
    const told = reader(text);
    const line = { number: at + 1, text: told?.text ?? text, told, start: start + whole.lastIndexOf(told?.text ?? text) };
    start += whole.length + 1;
    return line;
  });
  return lines.filter(({ text }) => text);
}

/** `0 < x < 5` */
function variables(text) {
  const [, low, name, high] = RANGE.exec(text) ?? [];
  return name && { name: name.trim(), ends: [parseNumber(low), parseNumber(high)] };
}

/** `y(0) = 1`, with its place first, `x = 0: y = 1`, or with both ends of a period, `x = 0, 1: u(0, t) = u(1, t)` */
function conditions(line) {
  const [, where, text] = /^([^:]*=[^:]*):\s*(\S.*)$/.exec(line) ?? [];
  if (!where) return line.includes(":") ? undefined : { text: line };
  const places = new Map();
  let name = "";
  for (const part of where.replace(/\s*=\s*/g, "=").split(SEPARATORS).filter(Boolean)) {
    const value = part.slice(part.indexOf("=") + 1);
    if (part.includes("=")) name = part.slice(0, part.indexOf("="));
    places.set(name, [...(places.get(name) ?? []), parseNumber(value)]);
  }
  return { text, on: Object.fromEntries([...places].map(([of, values]) => [of, values.length > 1 ? values : values[0]])) };
}

/** `k = 1` */
function parameters(text) {
  const [, name, start] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
  return name && { name: name.trim(), start: parseNumber(start) };
}
