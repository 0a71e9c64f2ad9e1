// The request body that the form sends.
//
// An empty field means the default and is not sent. Text that is not a number is sent unchanged, so that the
// service reports the error.

import { decimal } from "../i18n.js";
import { changedTypes, densityColumns, isNumber, isUsable, knownValues } from "./columns.js";
import { STUDY, TRAINING, chosenColumn, isDensity, isShown, rolesOf, splitColumn } from "./fields.js";

const MATCHED = { kind: "mlp", parameters: "matched" };

/**
 * The body of POST /jobs. `features` and `types` are sent only if they differ from the defaults of the service.
 * Without a target, it requests the density of one or two columns.
 */
export function bodyOf(choice) {
  const { dataset, target, features, types } = choice;
  const changed = changedTypes(choice);
  const read = Object.keys(changed).length ? { types: changed } : {};
  if (isDensity(choice)) {
    return fillBody({ dataset_id: dataset.id, task: "density", features: densityColumns(choice).filter(Boolean), ...read }, TRAINING, choice);
  }
  const body = { dataset_id: dataset.id, target, ...read };
  const roles = rolesOf(choice);
  const others = dataset.columns.filter((column) => !roles.has(column.name));
  const [chosen, usual] = [others.filter(({ name }) => features.has(name)), others.filter((column) => isUsable(column, types))];
  const names = chosen.map((column) => column.name);
  if (names.join("\n") !== usual.map((column) => column.name).join("\n")) body.features = names;
  return fillBody(body, TRAINING, choice);
}

/** The body of a study, with `vary` from the fields of the study. */
export function studyOf(choice) {
  return fillBody({ ...bodyOf(choice), kind: "study", vary: {} }, STUDY.fields, choice);
}

/** The number of trainings of a study; 0 if nothing varies. With `refine`, one network goes through all grids. */
export function countOf({ vary, refine }) {
  const entries = Object.entries(vary);
  const lengths = entries.filter(([name]) => !(refine && name === "network.grid")).map(([, values]) => values.length);
  return entries.length ? lengths.reduce((product, length) => product * length, 1) : 0;
}

/** The name of a required field that is empty, or null. */
export function missingField(body) {
  if (body.kind === "study" && !countOf(body)) return "vary_grid";
  return body.split?.test?.length === 0 ? "split_test" : null;
}

function fillBody(body, fields, choice) {
  for (const field of fields) {
    const value = isShown(field, choice) ? requestValue(field, choice) : undefined;
    if (value !== undefined && field.kind === "monotone") body.monotone = { ...body.monotone, ...value };
    else if (value !== undefined) setPath(body, field.path, value);
  }
  return body;
}

/** The value of a field in the request; undefined for the default of the service. */
function requestValue(field, choice) {
  const value = choice.values[field.name];
  const rest = {
    switch: () => (value === !field.isOff ? undefined : value),
    several: () => (value.join() === field.initial.join() ? undefined : value.map((name) => (name === "mlp_matched" ? MATCHED : name))),
    choice: () => (value === field.options[0] ? undefined : value),
    column: () => chosenColumn(field, choice) || undefined,
    class_weight: () => classWeight(value),
    values: () => testValues(choice),
    list: () => parseNumbers(value, field),
    lists: () => value.split(";").filter((part) => part.trim()).map((part) => (part.trim() === "auto" ? "auto" : parseNumbers(part, field))),
    number: () => parseNumber(value),
    text: () => value.trim(),
    constants: () => parseConstants(value),
    monotone: () => Object.fromEntries(value.split(",").map((word) => word.trim()).filter(Boolean).map((name) => [name, field.direction])),
    words: () => value.split(",").map((word) => word.trim()).filter(Boolean),
  };
  const isEmpty = typeof value === "string" && !value.trim();
  return isEmpty && !["column", "values"].includes(field.kind) ? undefined : rest[field.kind]();
}

function classWeight({ kind, weights: given }) {
  if (kind === "balanced") return "balanced";
  const entries = Object.entries(given).filter(([, words]) => words.trim());
  return kind === "given" && entries.length ? Object.fromEntries(entries.map(([name, words]) => [name, parseNumber(words)])) : undefined;
}

/** Selected values if all values are known, else one value per line, in the type of the column. */
function testValues(choice) {
  const { split_test: given } = choice.values;
  const column = splitColumn(choice);
  const known = column && knownValues(column);
  if (known) return known.filter((value) => [given].flat().includes(value));
  const lines = [given].flat().join("\n").split("\n").map((line) => line.trim()).filter(Boolean);
  return column && isNumber(column) ? lines.map(parseNumber) : lines;
}

/** Parses numbers separated by commas, semicolons or spaces. In locales with a decimal comma, a comma does not separate. */
export function parseNumbers(words, { hasFractions } = {}) {
  const separators = hasFractions && decimal === "," ? /;|\s|,(?!\d)/ : /[,;\s]/;
  return words.replace(/[[\]]/g, " ").split(separators).filter(Boolean).map(parseNumber);
}

/** Parses a number with either decimal separator. Other text is returned unchanged. */
export function parseNumber(words) {
  const value = Number(words.trim().replace(",", "."));
  return Number.isFinite(value) ? value : words.trim();
}

/** Parses what is known of the constants of a form: "b=0..10; g=9.81". Text of another kind is sent as a value. */
function parseConstants(words) {
  const entries = words.split(/[;\n]/).filter((part) => part.trim()).map(parseConstant);
  return entries.length ? Object.fromEntries(entries) : undefined;
}

function parseConstant(words) {
  const [name, ...rest] = words.split("=");
  const known = rest.join("=");
  if (!known.includes("..")) return [name.trim(), { value: parseNumber(known) }];
  const ends = known.split("..").map((end) => end.trim());
  return [name.trim(), Object.fromEntries(["min", "max"].flatMap((key, place) => (ends[place] ? [[key, parseNumber(ends[place])]] : [])))];
}

function setPath(body, path, value) {
  const [name] = path.slice(-1);
  let place = body;
  for (const part of path.slice(0, -1)) place = place[part] ??= {};
  place[name] = value;
}
