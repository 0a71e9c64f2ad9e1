// The diagram of the network. Every curve is a button that opens its dialog.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { count, number, t } from "../i18n.js";
import { downloads } from "../parts/downloads.js";
import { prepareSvg } from "../parts/inline.js";
import { watchTheme, picture } from "../parts/picture.js";
import { problem } from "../parts/problem.js";
import { table } from "../parts/table.js";
import { curvesOf, findCurve, placeOf, sourceName } from "./curves/selection.js";
import { edgeDialog } from "./edge.js";
import { functionOf, nodeName } from "./nodes.js";
import { functionWords } from "./labels.js";

const MAX_LISTED_EDGES = 100; // most edges in the table
const MAX_UNSCALED_WIDTH = 800; // pixels; a diagram up to this width is legible when it is scaled to the page
const MAX_TAB_STOPS = 60; // most curves in the Tab order; with more, only the arrow keys move between curves

export function network(root, page) {
  const open = (place) => openEdge(place, page, root);
  render(frame(page, open), root);
  const paint = (source) => {
    const svg = prepareSvg(source, "network");
    if (!svg) return;
    svg.setAttribute("role", "group"); // an image has no buttons inside
    const groups = [...svg.querySelectorAll("g[data-layer]")];
    for (const group of groups) makeButton(group, page, open);
    addArrowKeys(groups);
    root.querySelector(".drawing").replaceChildren(svg);
    root.querySelector(".larger").hidden = Number(svg.getAttribute("width")) <= MAX_UNSCALED_WIDTH;
  };
  paint(page.drawing.body);
  watchTheme(async () => paint((await picture(`${page.path}/plot.svg`, { signal: page.signal })).body), page.signal);
}

function frame(page, open) {
  const shape = page.model.members[page.shown].network;
  return html`<p>${t("model.network.about")}</p>
    <figure class="picture">
      <div class="drawing scroll" tabindex="0" role="region" aria-label=${t("model.network.region")}></div>
      <figcaption>
        ${t("model.network.shape", { width: shape.width.join(" → "), edges: count(shape.edges), grid: shape.grid, order: shape.order })}
      </figcaption>
    </figure>
    ${page.drawing.problem ? problem(page.drawing.problem) : nothing}
    <p class="actions tight larger" hidden>
      <button type="button" class="small" aria-pressed="false" @click=${enlarge}>${t("model.network.larger")}</button>
    </p>
    ${downloads(`${page.path}/plot`, `${page.model.name}-network`, t("model.network.picture"))}
    <details class="more" @toggle=${(event) => event.target.open && list(event.target, page, open)}>
      <summary>${t("model.network.list")}</summary>
      <div class="edges"></div>
    </details>
    <div class="answer"></div>`;
}

/** Toggles between the scaled diagram and its natural size, which scrolls. */
function enlarge({ currentTarget: button }) {
  const isLarge = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(isLarge));
  button.closest(".content").querySelector(".drawing").classList.toggle("large", isLarge);
}

/** Makes the group of a curve a button. Its label comes from the picture until the edges are loaded. */
function makeButton(group, page, open) {
  const place = Object.fromEntries(["layer", "in", "toLayer", "out"].map((name) => [name, Number(group.dataset[name])]));
  group.setAttribute("tabindex", "0");
  group.setAttribute("role", "button");
  group.setAttribute("aria-haspopup", "dialog");
  group.classList.add("edge");
  const document_ = page.edges.found;
  const edge = document_ && findCurve(document_, place);
  const label = edge ? edgeLabel(edge, document_) : group.querySelector("title")?.textContent || "";
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

function edgeLabel(edge, edges) {
  const values = {
    from: sourceName(edges, edge),
    to: nodeName(edges, edge.to_layer, edge.out),
    score: number(edge.score, 2),
  };
  const name = functionOf(edge);
  return t(name ? "model.edge.label function" : "model.edge.label", { ...values, function: functionWords(name) });
}

async function openEdge(place, page, root) {
  try {
    if (!page.edges.found) announce(t("model.loading"));
    const edges = await page.edges();
    const edge = findCurve(edges, place);
    if (edge && !page.signal.aborted) edgeDialog(edge, edges, page);
  } catch (error) {
    if (error.name !== "AbortError") render(problem(error), root.querySelector(".answer"));
  }
}

/** Renders the table of edges by score when the section is first opened. */
async function list(details, page, open) {
  const place = details.querySelector(".edges");
  if (place.dataset.isShown) return;
  place.dataset.isShown = "yes";
  render(html`<p class="quiet">${t("model.loading")}</p>`, place);
  try {
    const edges = await page.edges();
    const sorted = [...curvesOf(edges)].sort((one, other) => (other.score ?? 0) - (one.score ?? 0));
    render(edgeTable(sorted.slice(0, MAX_LISTED_EDGES), sorted.length, edges, open), place);
  } catch (error) {
    delete place.dataset.isShown;
    if (error.name !== "AbortError") render(problem(error), place);
  }
}

function edgeTable(shown, total, edges, open) {
  const head = ["from", "to", "function", "score", "look"].map((name) => t(`model.edge.${name}`));
  const rows = shown.map((edge) => [
    sourceName(edges, edge),
    nodeName(edges, edge.to_layer, edge.out),
    functionWords(functionOf(edge)) || t("model.edge.no function"),
    number(edge.score, 2),
    html`<button
      class="small"
      aria-label=${edgeLabel(edge, edges)}
      @click=${() => open(placeOf(edge))}
    >
      ${t("model.edge.open")}
    </button>`,
  ]);
  return html`${table(t("model.network.list"), head, rows, { numbers: [3, 4] })}
    ${total > shown.length ? html`<p class="hint">${t("model.edge.more", { count: total - shown.length })}</p>` : nothing}`;
}
