// The roles that columns of a dataset can have in a training.

/** The types that a column may be read as, by its detected type. */
const READABLE_AS = {
  number: ["number", "integer", "category"],
  integer: ["integer", "number", "category"],
  boolean: ["boolean", "number", "integer", "category"],
  category: ["category", "text"],
  text: ["text", "category"],
  datetime: ["datetime"],
};

const MAX_GROUPS = 20;

export function readableAs(column) {
  return READABLE_AS[column.type];
}

/** Whether a training uses a column by default. */
export function isUsable(column, types = {}) {
  return column.distinct > 1 && !column.is_id && (types[column.name] || column.type) !== "text";
}

/** The change of the form when a column is read as another type: it becomes a feature if it can be one. */
export function readAs({ types, features }, column, type) {
  const { [column.name]: _, ...others } = types;
  const now = type === column.type ? others : { ...others, [column.name]: type };
  const learnt = new Set(features);
  if (isUsable(column, now)) learnt.add(column.name); // a user who sets the type of a column wants to use it
  else learnt.delete(column.name);
  return { types: now, features: learnt };
}

/** The features without a column, or with it again. */
export function leaveOut({ features }, name, isOut) {
  const others = new Set(features);
  if (isOut) others.delete(name);
  else others.add(name);
  return others;
}

/** Types that a request names: those that differ from the types stored with the dataset. */
export function changedTypes({ dataset: { columns, types: stored = {} }, types }) {
  const changed = columns.filter(({ name, type }) => (types[name] ?? type) !== (stored[name] ?? type));
  return Object.fromEntries(changed.map(({ name, type }) => [name, types[name] ?? type]));
}

/** Whether the task is a classification, by the same rule as in the service. */
export function isClassifier({ dataset, target, types, values }) {
  if (values.task !== "auto") return values.task === "classification";
  const column = columnOf(dataset, target);
  return ["category", "boolean", "text"].includes(types[target] || column.type) || column.distinct === 2;
}

export const columnOf = (dataset, name) => dataset.columns.find((column) => column.name === name);

/** Names of columns whose density can be estimated. */
export function densities({ dataset, types }) {
  const possible = dataset.columns.filter(({ name, type, distinct }) => distinct > 1 && isNumber({ type: types[name] || type }));
  return possible.map((column) => column.name);
}

/** The first column of the density, and the second column of a joint density or "". */
export function densityColumns(choice) {
  const names = densities(choice);
  const [first, second] = choice.density;
  const chosen = names.includes(first) ? first : names.at(-1);
  return [chosen, names.includes(second) && second !== chosen ? second : ""];
}

export function weights({ dataset, target }) {
  return dataset.columns.filter((column) => column.name !== target && isNumber(column) && !column.missing && column.min >= 0);
}

/** Columns that can name groups whose constants are their own. */
export function groupColumns({ dataset, target }) {
  return dataset.columns.filter(({ name, type, distinct }) => name !== target && type !== "datetime" && distinct > 1 && distinct <= MAX_GROUPS);
}
/** Columns that can hold the standard deviation of the target in each row. */
export const targetErrors = (choice) => (isClassifier(choice) ? [] : weights(choice).filter((column) => column.min > 0));

export const isNumber = (column) => ["number", "integer"].includes(column.type);

/** Columns that can select the held-out rows. Columns with few values come first, as the likely ones. */
export function splitColumns({ dataset, target }) {
  const possible = dataset.columns.filter(({ name, type, distinct }) => name !== target && type !== "datetime" && distinct > 1);
  return [...possible.filter(knownValues), ...possible.filter((column) => !knownValues(column))];
}

/** All values of a column if they are few and not truncated, else null. */
export function knownValues({ top, distinct }) {
  const values = top.map((entry) => entry.value);
  const isWhole = values.length && values.length === distinct && !values.some((value) => String(value).endsWith("…"));
  return isWhole ? values : null;
}
