// The drawing of a network, in which every curve is a button.

import { number, t } from "../../i18n.js";
import { prepareSvg } from "../../parts/inline.js";
import { picture } from "../../parts/picture.js";
import { functionWords } from "../labels.js";
import { functionOf, nodeName } from "../nodes.js";
import { findCurve, sourceName } from "./selection.js";

const MAX_CURVES = 20; // that a person can look at; the service draws the strongest
const [MIN_WIDTH, MAX_WIDTH] = [240, 1000]; // pixels
const MAX_TAB_STOPS = 60; // most curves in the Tab order; with more, only the arrow keys move between curves

/** What of a network is drawn: its name, and whether with all its curves. */
export function drawingQuery({ network, isWhole }) {
  return `&network=${network}${isWhole ? "" : `&curves=${MAX_CURVES}`}`;
}

/** The drawing for a page of a width; its names are legible in its own size. */
export function fetchDrawing(path, wish, width, options) {
  const fitting = Math.round(Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, width)));
  return picture(`${path}/plot.svg`, options, `${drawingQuery(wish)}&width=${fitting}`);
}

/** The drawing as an element with a button per curve; null without one. */
export function makeDrawing(source, edges, open) {
  const svg = prepareSvg(source, "network");
  if (!svg) return null;
  svg.setAttribute("role", "group"); // an image has no buttons inside
  const groups = curveGroups(svg);
  for (const group of groups) makeButton(group, edges, open);
  addArrowKeys(groups);
  return svg;
}

export const curveGroups = (svg) => [...svg.querySelectorAll("g[data-layer]")];

/** Makes the group of a curve a button. Its label comes from the picture until the edges are loaded. */
function makeButton(group, edges, open) {
  const place = Object.fromEntries(["layer", "in", "toLayer", "out"].map((name) => [name, Number(group.dataset[name])]));
  group.setAttribute("tabindex", "0");
  group.setAttribute("role", "button");
  group.setAttribute("aria-haspopup", "dialog");
  group.classList.add("edge");
  const edge = edges && findCurve(edges, place);
  const label = edge ? edgeLabel(edge, edges) : group.querySelector("title")?.textContent || "";
  group.setAttribute("aria-label", label);
  if (edge) group.querySelector("title").textContent = label;
  group.addEventListener("click", () => open(place));
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open(place);
  });
}

function addArrowKeys(groups) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  groups.forEach((group, at) => {
    if (groups.length > MAX_TAB_STOPS && at) group.setAttribute("tabindex", "-1");
    group.addEventListener("keydown", (event) => {
      const next = groups[at + (steps[event.key] ?? NaN)];
      if (!next) return;
      event.preventDefault();
      if (groups.length > MAX_TAB_STOPS) group.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
    });
  });
}

export function edgeLabel(edge, edges) {
  const values = {
    from: sourceName(edges, edge),
    to: nodeName(edges, edge.to_layer, edge.out),
    score: number(edge.score, 2),
  };
  const name = functionOf(edge);
  return t(name ? "model.edge.label function" : "model.edge.label", { ...values, function: functionWords(name) });
}
