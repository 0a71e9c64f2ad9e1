// Rows of inputs: those of the prediction form at first, and what their values are.

/** A row with every input at the middle of its training range. */
export function middle(model) {
  return Object.fromEntries(model.features.map((feature) => [feature.name, middleOf(feature)]));
}

function middleOf(feature) {
  if (feature.categories?.length) return feature.categories[0];
  if (feature.type === "boolean") return Boolean(feature.fill);
  if (feature.type === "datetime") return short(feature.fill, feature.type);
  if (feature.min === null || feature.max === null) return feature.fill ?? 0;
  const value = (feature.min + feature.max) / 2;
  return feature.type === "integer" ? Math.round(value) : Number(value.toPrecision(4));
}

/** Rows of the dataset that have all inputs, with their target values. */
export function realRows(model, preview) {
  const names = model.features.map((feature) => feature.name);
  const rows = preview?.rows.filter((row) => names.every((name) => name in row && isUsable(row[name], model, name))) ?? [];
  return rows.slice(0, 20).map((row) => ({
    row: Object.fromEntries(model.features.map(({ name, type }) => [name, short(row[name], type)])),
    truth: row[model.target],
  }));
}

/** A value without what nobody types: digits beyond the sixth, which change no prediction visibly, and a time of midnight. */
export function short(value, type) {
  if (type === "datetime") return value?.replace(/\.0+$/, "").replace(/T00:00:00$/, "") ?? null;
  return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}

function isUsable(value, model, name) {
  return value !== null || model.features.find((feature) => feature.name === name).has_missing;
}

/** Whether an input can be the axis of a chart. */
export const isAxis = ({ type, min, max, categories }) => ["number", "integer"].includes(type) && !categories && max > min;
