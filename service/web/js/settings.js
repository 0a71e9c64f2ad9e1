// The settings of a training as fields of a form, and what the API is sent of them.
//
// An empty field means the default, and is not sent. What cannot be read as a number is sent as it is, so
// that the service, which knows best what is possible, says what is wrong with it.

/** Kinds: choice, text, number, numbers (separated by commas), switch, several. */
export const GROUPS = [
  { name: "task", fields: [choice("task", ["task"], ["auto", "regression", "classification"])] },
  {
    name: "network",
    fields: [
      { name: "hidden", kind: "numbers", path: ["network", "hidden"], example: "5, 3" },
      { name: "grid", kind: "number", path: ["network", "grid"], example: "10" },
      { name: "order", kind: "number", path: ["network", "order"], example: "3" },
    ],
  },
  {
    name: "training",
    fields: [
      choice("optimizer", ["training", "optimizer"], ["auto", "levenberg_marquardt", "adam", "lbfgs"]),
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
      choice("split_kind", ["split", "kind"], ["random", "stratified", "tail", "none"]),
      { name: "test_fraction", kind: "number", path: ["split", "test_fraction"], example: "0.2" },
      { name: "split_seed", kind: "number", path: ["split", "seed"], example: "0" },
    ],
  },
  {
    name: "result",
    fields: [
      { name: "prune", kind: "switch", path: ["prune"] },
      { name: "symbolic", kind: "switch", path: ["symbolic"] },
      { name: "max_complexity", kind: "number", path: ["symbolic", "max_complexity"], example: "20" },
      { name: "baselines", kind: "several", path: ["baselines"], options: ["linear", "mlp", "boosting"], initial: ["linear"] },
      { name: "model_name", kind: "text", path: ["name"], example: "" },
    ],
  },
];

export const FIELDS = GROUPS.flatMap((group) => group.fields);

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

export function readableAs(column) {
  return READABLE_AS[column.type];
}

/** Whether a training takes a column by itself. */
export function isUsable(column, types = {}) {
  return column.distinct > 1 && !["datetime", "text"].includes(types[column.name] || column.type);
}

export function initialValues() {
  const initial = { switch: () => true, several: (field) => field.initial, choice: (field) => field.options[0] };
  return Object.fromEntries(FIELDS.map((field) => [field.name, initial[field.kind]?.(field) ?? ""]));
}

/** The body of POST /jobs. `features` and `types` are there if they differ from what the service chooses. */
export function bodyOf({ dataset, target, features, types, values }) {
  const body = { dataset_id: dataset.id, target };
  const chosen = dataset.columns.map((column) => column.name).filter((name) => name !== target && features.has(name));
  const usual = dataset.columns.filter((column) => column.name !== target && isUsable(column, types));
  if (chosen.join("\n") !== usual.map((column) => column.name).join("\n")) body.features = chosen;
  if (Object.keys(types).length) body.types = types;
  for (const field of FIELDS) {
    const value = sent(field, values[field.name]);
    if (value !== undefined) put(body, field.path, value);
  }
  return body;
}

/** What is sent of a field; undefined where it is left to the service. */
function sent(field, value) {
  if (field.kind === "switch") return value ? undefined : false;
  if (field.kind === "several") return value.join() === field.initial.join() ? undefined : value;
  if (field.kind === "choice") return value === field.options[0] ? undefined : value;
  const words = value.trim();
  if (!words) return undefined;
  if (field.kind === "numbers") return words.split(/[,;\s]+/).filter(Boolean).map(numeric);
  return field.kind === "number" ? numeric(words) : words;
}

function numeric(words) {
  const value = Number(words.replace(",", "."));
  return Number.isFinite(value) ? value : words;
}

function put(body, path, value) {
  const [name] = path.slice(-1);
  let place = body;
  for (const part of path.slice(0, -1)) {
    if (place[part] === false) return; // a stage that is left out has no settings
    place = place[part] ??= {};
  }
  place[name] = value;
}

/** The field that a mistake is about: its name, "target", "columns", or null. */
export function fieldOf(pointer = "") {
  const path = pointer.replace(/^#?\//, "");
  if (path === "target") return "target";
  if (/^(features|types)(\/|$)/.test(path)) return "columns";
  const found = FIELDS.filter((field) => path === field.path.join("/") || path.startsWith(`${field.path.join("/")}/`));
  return found.at(-1)?.name ?? null;
}
