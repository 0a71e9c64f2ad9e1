// An equation in MathML whose terms wrap. Browsers do not break lines inside of a <math> element: each term is one.

import { html, nothing } from "../../vendor/lit-html.js";
import { decimal } from "../i18n.js";
import { parseMath } from "../parts/inline.js";

const SIGNS = ["+", "−"];
const MAX_SYMBOL = 24; // letters of a left side that is set like a symbol
const MAX_DIGITS = 6; // of a number on the screen; copies of the formula have all

/**
 * An equation as elements; null if the MathML is invalid.
 * Screen readers read it whole from a hidden element. The terms that are shown are hidden from them.
 */
export function equation(mathml, left) {
  const math = parseMath(mathml);
  if (!math) return null;
  math.querySelectorAll("mn").forEach(shorten);
  const make = (tag, words) => Object.assign(document.createElementNS(math.namespaceURI, tag), { textContent: words });
  const isRow = math.children.length === 1 && math.firstElementChild.localName === "mrow";
  const equals = make("mo", "=");
  equals.setAttribute("form", "infix");
  const start = [make("mi", left), equals];
  const terms = [...(isRow ? math.firstElementChild : math).children];
  const wrap = (nodes) => {
    const [whole, row] = [math.cloneNode(false), make("mrow", "")];
    row.append(...nodes);
    whole.append(row);
    return whole;
  };
  const show = (nodes) => wrap(nodes.map((node) => node.cloneNode(true)));
  const isLong = left.length > MAX_SYMBOL; // words, which wrap, as <math> does not
  const shown = [...(isLong ? [] : [[start]]), ...splitAtSigns(terms).map((term) => splitAtSigns(term.flatMap(openBracket)))].map((pieces) =>
    pieces.length > 1 ? html`<span class="term">${pieces.map(show)}</span>` : show(pieces[0]));
  return html`<span class="visually-hidden">${wrap([...start, ...terms])}</span><span class="terms" aria-hidden="true">${isLong ? html`<span class="words">${left} =</span> ` : nothing}${shown}</span>`;
}

/** Rounds a decimal with many digits. Its `data-value` has all. */
function shorten(node) {
  const { value } = node.dataset;
  if (!value.includes(".") || value.replace(/^0\.0*|\./, "").length <= MAX_DIGITS) return;
  node.textContent = String(Number(Number(value).toPrecision(MAX_DIGITS))).replace(".", decimal);
}

/** Splits before the signs between terms. At the start of a <math> they would be signs of a number, without spaces. */
function splitAtSigns(nodes) {
  const pieces = [[]];
  nodes.forEach((node, place) => {
    const isSign = node.localName === "mo" && SIGNS.includes(node.textContent);
    if (isSign && place > 0 && !nodes[place - 1].hasAttribute("fence")) {
      pieces.push([]);
      node.setAttribute("form", "infix");
    }
    pieces.at(-1).push(node);
  });
  return pieces;
}

/** The content of a bracket that does not stretch, with its signs: a long one wraps, too. */
const openBracket = (node) =>
  node.localName === "mrow" && node.firstElementChild?.getAttribute("stretchy") === "false" ? [...node.children] : [node];
