// An equation in MathML whose terms wrap. Browsers do not break lines inside of a <math> element: each term is one.

import { html } from "../../vendor/lit-html.js";
import { parseElement } from "../parts/inline.js";

const SIGNS = ["+", "−"];

/**
 * An equation as elements; null if the MathML is invalid.
 * Screen readers read it whole from a hidden element. The terms that are shown are hidden from them.
 */
export function equation(mathml, left, isSymbol = false) {
  const math = parseElement(mathml, "math");
  if (!math) return null;
  const make = (tag, words) => Object.assign(document.createElementNS(math.namespaceURI, tag), { textContent: words });
  const isRow = math.children.length === 1 && math.firstElementChild.localName === "mrow";
  const terms = [...(isRow ? math.firstElementChild : math).children];
  const equals = make("mo", "=");
  equals.setAttribute("form", "infix");
  const all = [make(isSymbol ? "mi" : "mtext", left), equals, ...terms];
  const pieces = splitTerms(all).map((nodes) => wrap(math, make("mrow", ""), nodes.map((node) => node.cloneNode(true))));
  return html`<span class="visually-hidden">${wrap(math, make("mrow", ""), all)}</span><span class="terms" aria-hidden="true">${pieces}</span>`;
}

/** Splits behind the equals sign, and before the signs between terms. */
function splitTerms([left, equals, ...terms]) {
  const pieces = [[left, equals], []];
  terms.forEach((node, place) => {
    if (place && isSign(node)) {
      pieces.push([]);
      node.setAttribute("form", "infix"); // at the start of a <math> it would be the sign of a number, without spaces
    }
    pieces.at(-1).push(node);
  });
  return pieces;
}

const isSign = (node) => node.localName === "mo" && SIGNS.includes(node.textContent);

function wrap(like, row, nodes) {
  const math = like.cloneNode(false);
  row.append(...nodes);
  math.append(row);
  return math;
}
