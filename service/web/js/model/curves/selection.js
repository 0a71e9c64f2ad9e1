// The curves of a network: edges, and the 0/1 columns of a category combined to one curve with a value per level.

import { t } from "../../i18n.js";
import { labelWithUnit, unitOf } from "../labels.js";
import { nodeName } from "../nodes.js";

const AFFIXES = {
  log: ["log(", ")"], log_neg: ["log(-", ")"], exp: ["exp(", ")"], sin: ["sin(", ")"], cos: ["cos(", ")"],
  reciprocal: ["1 / (", ")"], square: ["(", ")²"], sqrt: ["√(", ")"], reciprocal_square: ["1 / (", ")²"],
};

const found = new WeakMap(); // curves by document

/** All curves: level curves, and the edges that are not part of one. */
export function curvesOf(edges) {
  if (!found.has(edges)) {
    const combined = edges.level_curves ?? []; // models of earlier versions have none
    const columns = new Set(combined.flatMap((curve) => curve.in.map((source) => key({ ...curve, in: source }))));
    found.set(edges, [...combined, ...edges.edges.filter((edge) => !columns.has(key(edge)))]);
  }
  return found.get(edges);
}

const key = (edge) => [edge.layer, edge.in, edge.to_layer, edge.out].join();

/** The curve at a place of the diagram; undefined if there is none. */
export function findCurve(edges, place) {
  return curvesOf(edges).find(
    (curve) => curve.layer === place.layer && [curve.in].flat().includes(place.in) && curve.to_layer === place.toLayer && curve.out === place.out,
  );
}

export const placeOf = (curve) => ({ layer: curve.layer, in: [curve.in].flat()[0], toLayer: curve.to_layer, out: curve.out });

export const sourceName = (edges, curve) => curve.name ?? nodeName(edges, curve.layer, curve.in);

/**
 * What a curve contributes to its node: `value` converts an activation, `label` names the axis, `input` converts
 * what enters. Contributions to an output are in the client's units. Contributions to a sum, and the values of a
 * hidden sum, are relative to their mean over the rows.
 */
export function contribution(curve, edges, model) {
  const to = nodeName(edges, curve.to_layer, curve.out);
  const node = edges.nodes[curve.to_layer][curve.out];
  const isOutput = curve.to_layer === edges.width.length - 1;
  const mean = node.operation === "product" ? null : sumMeans(edges.edges.filter((edge) => isPart(edge, curve)));
  const scale = node.scale ?? 1;
  const isScaled = !isOutput || Number.isFinite(node.scale) || Boolean(model.classes);
  const key = isScaled ? "model.edge.contribution" : "model.edge.contribution standardised";
  const nodeMean = meanOfNode(edges, curve) ?? 0;
  return {
    value: (y) => scale * (y - (mean ?? 0)),
    input: (x) => x - nodeMean,
    label: t(key, { to: isOutput ? quantity(to, model) : to }),
    isRelative: mean !== null,
  };
}

/** The mean of the hidden sum that a curve leaves; null for inputs, products and unknown means. */
function meanOfNode(edges, curve) {
  if (curve.layer === 0 || edges.nodes[curve.layer][curve.in].operation === "product") return null;
  return sumMeans(edges.edges.filter((edge) => edge.to_layer === curve.layer && edge.out === curve.in));
}

/** The sum of the means of activations; null if one is not known. */
function sumMeans(edges) {
  const means = edges.map((edge) => edge.mean);
  return means.every(Number.isFinite) ? means.reduce((sum, mean) => sum + mean, 0) : null;
}

/** Whether an edge is the curve, or one of its columns. */
function isPart(edge, curve) {
  return edge.layer === curve.layer && [curve.in].flat().includes(edge.in) && edge.to_layer === curve.to_layer && edge.out === curve.out;
}

/** What the network computes of a target, with its unit. */
function quantity(name, model) {
  if (model.classes?.length === 2) return t("model.left.log-odds", { name, class: model.classes[1] });
  if (model.classes) return t("model.left.logit", { name });
  const [before, after] = AFFIXES[model.network.target_transform] ?? ["", ""];
  return `${before}${labelWithUnit(name, unitOf(model, name))}${after}`;
}
