// The settings of a training as fields of a form.

import { named, t } from "../i18n.js";
import { FIELD_GROUPS } from "./field_groups.js";
import { columnOf, groupColumns, isClassifier, splitColumns, targetErrors, weights } from "./columns.js";

/** Whether a field is shown for a choice, and the columns of the table that it offers. */
const RULES = {
  task: { options: ["auto", "regression", "classification"] }, // a density has a form of its own
  weight: { columns: weights, isOptional: true },
  target_error: { columns: targetErrors, isOptional: true, isShown: isRegression },
  class_weight: { isShown: isClassifier },
  form: { isShown: hasForm },
  constant: { isShown: hasWrittenForm },
  per_group: { columns: groupColumns, isOptional: true, isShown: hasForm },
  own: { isShown: (choice) => hasWrittenForm(choice) && chosenColumn(PER_GROUP, choice) !== "" },
  max_constants: { isShown: isSymbolic },
  functions: { isShown: isSymbolic },
  units: { isShown: (choice) => isSymbolic(choice) && Object.keys(choice.dataset.units).length > 0 },
  test_fraction: { isShown: splits("random", "stratified", "tail") },
  split_seed: { isShown: splits("random", "stratified") },
  split_column: { columns: splitColumns, isShown: splits("column") },
  split_test: { isShown: splits("column") },
  max_complexity: { isShown: isSymbolic },
  baselines: { kind: "several", options: ["linear", "mlp", "mlp_matched", "boosting"], initial: ["linear"] },
};
/** Fields that are two on the page. */
const PAIRS = {
  monotone: ["increasing", "decreasing"].map((direction) => ({ name: direction, direction, isShown: isRegression })),
  bounds: [["min", "0"], ["max", "100"]].map(([end, example]) => ({ name: `bounds_${end}`, kind: "number", path: ["bounds", end], example, isShown: isRegression })),
};

/**
 * Kinds: choice, column, text, words (separated by commas), monotone (the same, columns that rise or fall), number, constants (of a form), list (of numbers), lists (of whole numbers), switch, several, class_weight,
 * values (of the split column). `isShown` decides whether the field is shown for a choice.
 */
const ALL_GROUPS = FIELD_GROUPS.map(({ name, fields }) => ({
  name,
  fields: fields.flatMap((field) => (PAIRS[field.name] ?? [RULES[field.name]]).map((rule) => ({ ...field, ...rule }))),
}));
export const GROUPS = ALL_GROUPS.filter(({ name }) => name !== "study");

const PER_GROUP = fieldNamed("per_group");
const SPLIT_COLUMN = fieldNamed("split_column");

/** The settings that a study varies, with what differs from the field of one training. An empty field does not vary. */
const VARIED = {
  grid: { example: "3, 5, 10" },
  order: { example: "2, 3" },
  hidden: { kind: "lists", example: "2; 5; 5, 3" },
  lamb: { example: "0.001; 0.01", hasFractions: true },
  seed: { example: "0, 1, 2" },
};
export const STUDY = {
  name: "study",
  fields: [
    ...Object.entries(VARIED).map(([name, rule]) => ({
      name: `vary_${name}`, kind: "list", path: ["vary", fieldNamed(name).path.join(".")], ...rule,
    })),
    ...groupNamed("study").fields,
  ],
};

/** Settings that apply to a density, which has no target. */
const OF_DENSITY = [
  "weight", "grid", "order", "seed", "max_seconds", "split_kind", "test_fraction", "split_seed", "split_column", "split_test",
  "symbolic", "name",
];

export const TRAINING = GROUPS.flatMap((group) => group.fields);
const FIELDS = [...TRAINING, ...STUDY.fields];

function groupNamed(name) {
  return ALL_GROUPS.find((group) => group.name === name);
}

function fieldNamed(name) {
  return GROUPS.flatMap(({ fields }) => fields).find((field) => field.name === name);
}

function isRegression(choice) {
  return !isClassifier(choice);
}

function isSymbolic({ values }) {
  return values.symbolic;
}

function hasForm(choice) {
  return isSymbolic(choice) && isRegression(choice);
}

function hasWrittenForm(choice) {
  return hasForm(choice) && choice.values.form.trim() !== "";
}

function splits(...kinds) {
  return ({ values }) => kinds.includes(values.split_kind);
}

export const isDensity = ({ target }) => target === null;

export const isShown = (field, choice) => (!isDensity(choice) || OF_DENSITY.includes(field.name)) && (field.isShown?.(choice) ?? true);

/** The column chosen in a field of the kind column, or "". */
export function chosenColumn(field, choice) {
  const names = field.columns(choice).map((column) => column.name);
  const name = choice.values[field.name];
  return names.includes(name) ? name : field.isOptional ? "" : (names[0] ?? "");
}

/** The column that selects the held-out rows, if any. */
export function splitColumn(choice) {
  return columnOf(choice.dataset, chosenColumn(SPLIT_COLUMN, choice));
}

/** Columns that are not features, with their roles: "target", "weight" or "split_column". */
export function rolesOf(choice) {
  const fields = TRAINING.filter((field) => field.kind === "column" && field.name !== "per_group" && isShown(field, choice));
  return new Map([...fields.map((field) => [chosenColumn(field, choice), field.name]), [choice.target, "target"]]);
}

export function initialValues() {
  const initial = {
    switch: (field) => !field.isOff,
    several: (field) => field.initial,
    choice: (field) => field.options[0],
    class_weight: () => ({ kind: "none", weights: {} }),
  };
  return Object.fromEntries(FIELDS.map((field) => [field.name, initial[field.kind]?.(field) ?? ""]));
}

/** The label of the setting with a path such as network.grid, or the path itself. */
export function settingWords(path) {
  const found = TRAINING.find((field) => field.path.join(".") === path);
  return found ? t(`set.${found.name}`) : path;
}

/** A value of a setting of a study, as its field names it. */
export function settingValue(path, value) {
  if (["true", "false"].includes(value)) return t(`model.${value}`);
  return path === "training.optimizer" ? named("set.optimizer", value) : value;
}

/** The field of an error: its name, "target", "columns", or null. An error of several fields belongs to the first. */
export function fieldOf(pointer = "") {
  const path = pointer.replace(/^#?\//, "");
  if (path === "target") return "target";
  if (/^(features|types)(\/|$)/.test(path)) return "columns";
  const isWithin = (inner, outer) => inner === outer || inner.startsWith(`${outer}/`);
  const about = FIELDS.findLast((field) => isWithin(path, field.path.join("/")));
  return (about ?? FIELDS.find((field) => path && isWithin(field.path.join("/"), path)))?.name ?? null;
}
