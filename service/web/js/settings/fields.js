// The settings of a training as fields of a form.

import { named, t } from "../i18n.js";
import { columnOf, groupColumns, isClassifier, splitColumns, targetErrors, weights } from "./columns.js";

const SPLIT_COLUMN = { name: "split_column", kind: "column", path: ["split", "column"], columns: splitColumns, isShown: splits("column") };
const PER_GROUP = { name: "per_group", kind: "column", path: ["per_group", "column"], columns: groupColumns, isOptional: true, isShown: hasForm };

/**
 * Kinds: choice, column, text, words (separated by commas), monotone (the same, columns that rise or fall), number, constants (of a form), list (of numbers), lists (of whole numbers), switch, several, class_weight,
 * values (of the split column). `isShown` decides whether the field is shown for a choice.
 */
export const GROUPS = [
  {
    name: "task",
    fields: [
      choice("task", ["task"], ["auto", "regression", "classification"]),
      { name: "weight", kind: "column", path: ["weight"], columns: weights, isOptional: true },
      { name: "target_error", kind: "column", path: ["target_error"], columns: targetErrors, isOptional: true, isShown: (choice) => !isClassifier(choice) },
      { name: "class_weight", kind: "class_weight", path: ["training", "class_weight"], isShown: isClassifier },
    ],
  },
  {
    name: "knowledge",
    fields: [
      { name: "form", kind: "text", path: ["form"], example: "a*exp(-b*t) + c", isShown: hasForm },
      { name: "constants", kind: "constants", path: ["constants"], example: "b=0..10; g=9.81", isShown: (choice) => hasForm(choice) && choice.values.form.trim() !== "" },
      PER_GROUP,
      { name: "own", kind: "words", path: ["per_group", "own"], example: "a, b", isShown: hasOwn },
      { name: "max_constants", kind: "number", path: ["max_constants"], example: "3", isShown: ({ values }) => values.symbolic },
      { name: "functions", kind: "words", path: ["functions"], example: "exp, log", isShown: ({ values }) => values.symbolic },
      { ...choice("units", ["units"], ["check", "enforce", "ignore"]), isShown: ({ dataset, values }) => values.symbolic && Object.keys(dataset.units).length > 0 },
      { name: "must_use", kind: "words", path: ["must_use"], example: "" },
      { name: "increasing", kind: "monotone", path: ["monotone"], isShown: (choice) => !isClassifier(choice), example: "", direction: "increasing" },
      { name: "decreasing", kind: "monotone", path: ["monotone"], isShown: (choice) => !isClassifier(choice), example: "", direction: "decreasing" },
      { name: "bounds_min", kind: "number", path: ["bounds", "min"], isShown: (choice) => !isClassifier(choice), example: "0" },
      { name: "bounds_max", kind: "number", path: ["bounds", "max"], isShown: (choice) => !isClassifier(choice), example: "100" },
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
      choice("device", ["training", "device"], ["auto", "cpu", "cuda"]),
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
      { name: "baselines", kind: "several", path: ["baselines"], options: ["linear", "mlp", "mlp_matched", "boosting"], initial: ["linear"] },
      { name: "model_name", kind: "text", path: ["name"], example: "" },
    ],
  },
];

/** The settings that a study varies. An empty field does not vary. */
export const STUDY = {
  name: "study",
  fields: [
    { name: "vary_grid", kind: "list", path: ["vary", "network.grid"], example: "3, 5, 10" },
    { name: "vary_order", kind: "list", path: ["vary", "network.order"], example: "2, 3" },
    { name: "vary_hidden", kind: "lists", path: ["vary", "network.hidden"], example: "2; 5; 5, 3" },
    { name: "vary_lamb", kind: "list", path: ["vary", "training.lamb"], example: "0.001; 0.01", hasFractions: true },
    { name: "vary_seed", kind: "list", path: ["vary", "seed"], example: "0, 1, 2" },
    { name: "refine", kind: "switch", path: ["refine"], isOff: true },
  ],
};

/** Settings that apply to a density, which has no target. */
const OF_DENSITY = [
  "weight", "grid", "order", "seed", "max_seconds", "split_kind", "test_fraction", "split_seed", "split_column", "split_test",
  "symbolic", "model_name",
];

export const TRAINING = GROUPS.flatMap((group) => group.fields);
const FIELDS = [...TRAINING, ...STUDY.fields];

function hasForm(choice) {
  return choice.values.symbolic && !isClassifier(choice);
}

/** Whether constants of the form can be a group's own. */
function hasOwn(choice) {
  return hasForm(choice) && choice.values.form.trim() !== "" && chosenColumn(PER_GROUP, choice) !== "";
}

function choice(name, path, options) {
  return { name, kind: "choice", path, options };
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
