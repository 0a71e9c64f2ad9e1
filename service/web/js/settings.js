// The settings of a training as fields of a form, and what the API is sent of them.
//
// An empty field means the default, and is not sent. What cannot be read as a number is sent as it is, so
// that the service, which knows best what is possible, says what is wrong with it.

import { decimal, t } from "./i18n.js";

const SPLIT_COLUMN = { name: "split_column", kind: "column", path: ["split", "column"], columns: splitColumns, isShown: splits("column") };

/**
 * Kinds: choice, column, text, number, list (of numbers), lists (of whole numbers), switch, several, class_weight,
 * values (of the column that tells the held-out rows). `isShown` says for which choices there is the field.
 */
export const GROUPS = [
  {
    name: "task",
    fields: [
      choice("task", ["task"], ["auto", "regression", "classification"]),
      { name: "weight", kind: "column", path: ["weight"], columns: weights, isOptional: true },
      { name: "class_weight", kind: "class_weight", path: ["training", "class_weight"], isShown: isClassifier },
    ],
  },
  {
    name: "network",
    fields: [
      { name: "hidden", kind: "list", path: ["network", "hidden"], example: "5, 3" },
      { name: "grid", kind: "number", path: ["network", "grid"], example: "10" },
      { name: "order", kind: "number", path: ["network", "order"], example: "3" },
    ],
  },
  {
    name: "training",
    fields: [
      choice("optimizer", ["training", "optimizer"], ["auto", "levenberg_marquardt", "adam", "lbfgs"]),
      { name: "grid_schedule", kind: "list", path: ["training", "grid_schedule"], example: "5, 10, 20" },
      { name: "steps", kind: "number", path: ["training", "steps"], example: "100" },
      { name: "lamb", kind: "number", path: ["training", "lamb"], example: "0.001" },
      { name: "restarts", kind: "number", path: ["training", "restarts"], example: "3" },
      { name: "seed", kind: "number", path: ["seed"], example: "0" },
      { name: "max_seconds", kind: "number", path: ["max_seconds"], example: "300" },
    ],
  },
  {
    name: "split",
    fields: [
      choice("split_kind", ["split", "kind"], ["random", "stratified", "tail", "column", "none"]),
      { name: "test_fraction", kind: "number", path: ["split", "test_fraction"], example: "0.2", isShown: splits("random", "stratified", "tail") },
      { name: "split_seed", kind: "number", path: ["split", "seed"], example: "0", isShown: splits("random", "stratified") },
      SPLIT_COLUMN,
      { name: "split_test", kind: "values", path: ["split", "test"], isShown: splits("column") },
    ],
  },
  {
    name: "result",
    fields: [
      { name: "prune", kind: "switch", path: ["prune"] },
      { name: "symbolic", kind: "switch", path: ["symbolic"] },
      { name: "max_complexity", kind: "number", path: ["symbolic", "max_complexity"], example: "20", isShown: ({ values }) => values.symbolic },
      { name: "baselines", kind: "several", path: ["baselines"], options: ["linear", "mlp", "boosting"], initial: ["linear"] },
      { name: "model_name", kind: "text", path: ["name"], example: "" },
    ],
  },
];

/** What a study varies; a field that is left empty is the same in all of its trainings. */
export const STUDY = {
  name: "study",
  fields: [
    { name: "vary_grid", kind: "list", path: ["vary", "network.grid"], example: "3, 5, 10" },
    { name: "vary_order", kind: "list", path: ["vary", "network.order"], example: "2, 3" },
    { name: "vary_hidden", kind: "lists", path: ["vary", "network.hidden"], example: "2; 5; 5, 3" },
    { name: "vary_lamb", kind: "list", path: ["vary", "training.lamb"], example: "0.001; 0.01", hasFractions: true },
    { name: "vary_seed", kind: "list", path: ["vary", "seed"], example: "0, 1, 2" },
  ],
};

const TRAINING = GROUPS.flatMap((group) => group.fields);
const FIELDS = [...TRAINING, ...STUDY.fields];

/** What a column may be read as, by what it was found to be. */
const READABLE_AS = {
  number: ["number", "integer", "category"],
  integer: ["integer", "number", "category"],
  boolean: ["boolean", "number", "integer", "category"],
  category: ["category", "text"],
  text: ["text", "category"],
  datetime: ["datetime"],
};

function choice(name, path, options) {
  return { name, kind: "choice", path, options };
}

function splits(...kinds) {
  return ({ values }) => kinds.includes(values.split_kind);
}

export const isShown = (field, choice) => field.isShown?.(choice) ?? true;

export function readableAs(column) {
  return READABLE_AS[column.type];
}

/** Whether a training takes a column by itself. */
export function isUsable(column, types = {}) {
  return column.distinct > 1 && !["datetime", "text"].includes(types[column.name] || column.type);
}

/** Whether classes are told apart, as the service decides it. */
function isClassifier({ dataset, target, types, values }) {
  if (values.task !== "auto") return values.task === "classification";
  const column = columnOf(dataset, target);
  return ["category", "boolean", "text"].includes(types[target] || column.type) || column.distinct === 2;
}

export const columnOf = (dataset, name) => dataset.columns.find((column) => column.name === name);

function weights({ dataset, target }) {
  return dataset.columns.filter((column) => column.name !== target && isNumber(column) && !column.missing && column.min >= 0);
}

const isNumber = (column) => ["number", "integer"].includes(column.type);

/** Columns that can tell which rows are held out, those of few values first: one of them was made for it. */
function splitColumns({ dataset, target }) {
  const possible = dataset.columns.filter(({ name, type, distinct }) => name !== target && type !== "datetime" && distinct > 1);
  return [...possible.filter(knownValues), ...possible.filter((column) => !knownValues(column))];
}

/** The name that is chosen in a field of the kind column; "" where there is none. */
export function chosenColumn(field, choice) {
  const names = field.columns(choice).map((column) => column.name);
  const name = choice.values[field.name];
  return names.includes(name) ? name : field.isOptional ? "" : (names[0] ?? "");
}

/** The column that tells the held-out rows, if there is one. */
export function splitColumn(choice) {
  return columnOf(choice.dataset, chosenColumn(SPLIT_COLUMN, choice));
}

/** All values of a column, where they are few and whole; else null. */
export function knownValues({ top, distinct }) {
  const values = top.map((entry) => entry.value);
  const isWhole = values.length && values.length === distinct && !values.some((value) => String(value).endsWith("…"));
  return isWhole ? values : null;
}

/** Columns that nothing is learnt from, and what they are instead: "target", "weight" or "split_column". */
export function rolesOf(choice) {
  const fields = TRAINING.filter((field) => field.kind === "column" && isShown(field, choice));
  return new Map([...fields.map((field) => [chosenColumn(field, choice), field.name]), [choice.target, "target"]]);
}

export function initialValues() {
  const initial = {
    switch: () => true,
    several: (field) => field.initial,
    choice: (field) => field.options[0],
    class_weight: () => ({ kind: "none", weights: {} }),
  };
  return Object.fromEntries(FIELDS.map((field) => [field.name, initial[field.kind]?.(field) ?? ""]));
}

/** The body of POST /jobs. `features` and `types` are there if they differ from what the service chooses. */
export function bodyOf(choice) {
  const { dataset, target, features, types } = choice;
  const body = { dataset_id: dataset.id, target };
  const roles = rolesOf(choice);
  const others = dataset.columns.filter((column) => !roles.has(column.name));
  const [chosen, usual] = [others.filter(({ name }) => features.has(name)), others.filter((column) => isUsable(column, types))];
  const names = chosen.map((column) => column.name);
  if (names.join("\n") !== usual.map((column) => column.name).join("\n")) body.features = names;
  if (Object.keys(types).length) body.types = types;
  return filled(body, TRAINING, choice);
}

/** The same for a study; `vary` has what its fields say. */
export function studyOf(choice) {
  return filled({ ...bodyOf(choice), kind: "study", vary: {} }, STUDY.fields, choice);
}

/** How many trainings a study makes; 0 if nothing varies. */
export function countOf({ vary }) {
  const lengths = Object.values(vary).map((values) => values.length);
  return lengths.length ? lengths.reduce((product, length) => product * length) : 0;
}

/** The field without which there is nothing to send; null if all are there. */
export function missingIn(body) {
  if (body.kind === "study" && !countOf(body)) return "vary_grid";
  return body.split?.test?.length === 0 ? "split_test" : null;
}

function filled(body, fields, choice) {
  for (const field of fields) {
    const value = isShown(field, choice) ? sent(field, choice) : undefined;
    if (value !== undefined) put(body, field.path, value);
  }
  return body;
}

/** What is sent of a field; undefined where it is left to the service. */
function sent(field, choice) {
  const value = choice.values[field.name];
  const rest = {
    switch: () => (value ? undefined : false),
    several: () => (value.join() === field.initial.join() ? undefined : value),
    choice: () => (value === field.options[0] ? undefined : value),
    column: () => chosenColumn(field, choice) || undefined,
    class_weight: () => classWeight(value),
    values: () => testValues(choice),
    list: () => listed(value, field),
    lists: () => value.split(";").filter((part) => part.trim()).map((part) => (part.trim() === "auto" ? "auto" : listed(part, field))),
    number: () => numeric(value),
    text: () => value.trim(),
  };
  const isEmpty = typeof value === "string" && !value.trim();
  return isEmpty && !["column", "values"].includes(field.kind) ? undefined : rest[field.kind]();
}

function classWeight({ kind, weights: given }) {
  if (kind === "balanced") return "balanced";
  const entries = Object.entries(given).filter(([, words]) => words.trim());
  return kind === "given" && entries.length ? Object.fromEntries(entries.map(([name, words]) => [name, numeric(words)])) : undefined;
}

/** Values that were ticked, where all are known, else a line for each; in the type of their column. */
function testValues(choice) {
  const { split_test: given } = choice.values;
  const column = splitColumn(choice);
  const known = column && knownValues(column);
  if (known) return known.filter((value) => [given].flat().includes(value));
  const lines = [given].flat().join("\n").split("\n").map((line) => line.trim()).filter(Boolean);
  return column && isNumber(column) ? lines.map(numeric) : lines;
}

/** Numbers between commas, semicolons or spaces; where fractions are written with a comma, it separates none of them. */
function listed(words, { hasFractions }) {
  const separators = hasFractions && decimal === "," ? /;|\s|,(?!\d)/ : /[,;\s]/;
  return words.replace(/[[\]]/g, " ").split(separators).filter(Boolean).map(numeric);
}

function numeric(words) {
  const value = Number(words.trim().replace(",", "."));
  return Number.isFinite(value) ? value : words.trim();
}

function put(body, path, value) {
  const [name] = path.slice(-1);
  let place = body;
  for (const part of path.slice(0, -1)) place = place[part] ??= {};
  place[name] = value;
}

/** What the setting of a path such as network.grid is called here; else the path itself. */
export function settingWords(path) {
  const found = TRAINING.find((field) => field.path.join(".") === path);
  return found ? t(`set.${found.name}`) : path;
}

/** The field that a mistake is about: its name, "target", "columns", or null. What is about several is told at the first. */
export function fieldOf(pointer = "") {
  const path = pointer.replace(/^#?\//, "");
  if (path === "target") return "target";
  if (/^(features|types)(\/|$)/.test(path)) return "columns";
  const isWithin = (inner, outer) => inner === outer || inner.startsWith(`${outer}/`);
  const about = FIELDS.findLast((field) => isWithin(path, field.path.join("/")));
  return (about ?? FIELDS.find((field) => path && isWithin(field.path.join("/"), path)))?.name ?? null;
}
