// SVG and MathML of the service as elements. They are parsed as XML, which never runs scripts.

import { decimal } from "../i18n.js";

/** Parses an element; null if the text is invalid. Unexpected elements, such as links and scripts, are removed. */
function parseElement(source, tag) {
  if (!source) return null;
  const node = new DOMParser().parseFromString(source, "application/xml").documentElement;
  if (node.localName !== tag || node.querySelector("parsererror")) return null;
  for (const foreign of node.querySelectorAll("script, foreignObject, a, use, image, style")) foreign.remove();
  return document.importNode(node, true);
}

/** Parses a formula. Its numbers are written as on the rest of the page; `data-value` has them as they came. */
export function parseMath(source) {
  const math = parseElement(source, "math");
  for (const node of math?.querySelectorAll("mn") ?? []) {
    node.dataset.value = node.textContent;
    node.textContent = node.textContent.replace(".", decimal);
  }
  return math;
}

const MIN_SCALE = 0.75; // least scale of a picture; wider pictures scroll, so that they stay legible…
const MAX_MIN_WIDTH = 560; // …but a picture needs at most this minimum width in pixels

/** Prefixes all ids of a picture, so that they do not collide with those of another picture on the page. */
export function prepareSvg(source, prefix) {
  const svg = parseElement(source, "svg");
  if (!svg) return null;
  for (const node of svg.querySelectorAll("[id]")) node.id = `${prefix}-${node.id}`;
  const labels = svg.getAttribute("aria-labelledby");
  if (labels) svg.setAttribute("aria-labelledby", labels.split(" ").map((id) => `${prefix}-${id}`).join(" "));
  for (const node of svg.querySelectorAll("[clip-path], [fill], [stroke], [marker-end]")) {
    for (const name of ["clip-path", "fill", "stroke", "marker-end"]) {
      const value = node.getAttribute(name);
      if (value?.startsWith("url(#")) node.setAttribute(name, value.replace("url(#", `url(#${prefix}-`));
    }
  }
  svg.style.setProperty("min-width", `${Math.min(MAX_MIN_WIDTH, Math.round(MIN_SCALE * svg.getAttribute("width")))}px`);
  return svg;
}
