// The data of the page, requested in parallel and rendered together, so that the layout does not shift.

import { attempt, get, text } from "../api.js";
import { loadWarnings } from "../i18n.js";
import { fetchDrawing } from "./curves/drawing.js";
import { shownNetwork } from "./members.js";
import { isAxis } from "./rows.js";

const CHARTS = { // of one task, which models of others do not load
  regression: () => import("./errors/section.js"),
  classification: () => import("./figures/classification.js"),
  density: () => import("./figures/density.js"),
};
export const MAX_EDGES_AT_ONCE = 1500; // edges; more have many megabytes of curves, which are fetched on demand
const TIMELESS = ["sql", "excel"]; // languages that have no parts of times, such as the day of the week
const FONT_WAIT_MS = 1500;

/** @param width Of the place of the diagram, in pixels. */
export async function collect(model, signal, width) {
  const options = { signal };
  const path = `models/${model.id}`;
  const shown = shownNetwork(model);
  const [formats, formulas, drawing, edges, preview, versions, measured, solution, ...charts] = await Promise.all([
    get("formats", options),
    model.members.formula ? get(`${path}/symbolic`, options) : null,
    fetchDrawing(path, { network: shown }, width, options),
    model.members[shown].network.edges <= MAX_EDGES_AT_ONCE ? get(edgesPath(path, shown), options) : null,
    model.dataset_id ? tolerateStatus(404, get(`datasets/${model.dataset_id}/preview?limit=50`, options)) : null,
    get(`models?limit=50&name=${encodeURIComponent(model.name)}`, options),
    model.task !== "equation" && isMeasured(model) ? attempt(get(`${path}/figures`, options)) : null,
    model.task === "equation" ? solutionOf(model, options) : null,
    CHARTS[model.task]?.(),
    hasFit(model) && import("./fit/section.js"),
  ]);
  const [texts, form] = await Promise.all([
    formulas ? textsOf(path, formulas, formats, options) : {},
    formulas?.form && import("./form.js"),
    formulas && fontOfFormulas(),
    model.warnings.length && loadWarnings(),
  ]);
  return {
    path,
    formats,
    formulas,
    texts,
    shown,
    width,
    drawing,
    edges: memoize(edges, () => get(edgesPath(path, shown), options)),
    preview: preview?.body || null,
    versions: versions.items,
    measured: measured?.body ?? null,
    isUnmeasured: !isMeasured(model) || measured?.problem?.code === "no_figures",
    solution,
    charts: Object.assign({}, ...charts),
    formView: form?.formView,
  };
}

/** The edges of a network of the page: a function that fetches them on demand. */
export const edgesOf = ({ path, signal }, name) => memoize(null, () => get(edgesPath(path, name), { signal }));

const edgesPath = (path, network) => `${path}/edges?network=${network}`;

/** Whether the service has the numbers of the charts: only of models that it has trained. */
export const isMeasured = ({ lineage }) => !lineage.imported;

/** Whether a model can be drawn through its rows: it predicts one column over numbers, and came from a dataset. */
function hasFit({ task, outputs, dataset_id: dataset, features }) {
  const isOne = task === "classification" || (task === "regression" && outputs.length === 1);
  return isOne && dataset !== null && features.some(isAxis);
}

/** The solution of equations with its section, whose scripts other models do without. */
const solutionOf = async (model, options) => (await import("./solution/section.js")).loadSolution(model, isMeasured(model), options);

/** The formulas by the name of the language, in those that can express them. */
async function textsOf(path, { outputs }, formats, options) {
  const hasTimes = outputs.some(({ derived }) => Object.values(derived).some((rule) => "part" in rule));
  const names = formats.formulas.map(({ name }) => name).filter((name) => !(hasTimes && TIMELESS.includes(name)));
  const told = await Promise.all(names.map((name) => tolerateStatus(409, text(`${path}/symbolic?format=${name}`, options))));
  return Object.fromEntries(names.flatMap((name, at) => (told[at].body ? [[name, told[at].body.trimEnd()]] : [])));
}

/** Loads the font, so that formulas do not change their size later. A slow font is not waited for. */
const fontOfFormulas = () =>
  Promise.race([document.fonts.load('1em "STIX Two Math"').catch(() => null), new Promise((end) => setTimeout(end, FONT_WAIT_MS))]);

async function tolerateStatus(status, asked) {
  const told = await attempt(asked);
  if (told.problem && told.problem.status !== status) throw told.problem;
  return told;
}

/** A function that fetches a value on the first call, unless it is given. */
function memoize(found, fetcher) {
  let asked = found && Promise.resolve(found);
  return Object.assign(() => (asked ??= fetcher().catch((error) => { asked = null; throw error; })), { found });
}
