// The diagram of a network that fits the page. Every curve is a button that opens its dialog.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { count, number, t } from "../i18n.js";
import { downloads } from "../parts/downloads.js";
import { watchTheme } from "../parts/picture.js";
import { problem } from "../parts/problem.js";
import { table } from "../parts/table.js";
import { boxButtons, makeZoomable, placePicture } from "../parts/zoom.js";
import { curveGroups, drawingQuery, edgeLabel, fetchDrawing, makeDrawing } from "./curves/drawing.js";
import { curvesOf, findCurve, placeOf, sourceName } from "./curves/selection.js";
import { edgesOf, MAX_EDGES_AT_ONCE } from "./load.js";
import { functionOf, nodeName } from "./nodes.js";
import { functionWords } from "./labels.js";

const MAX_LISTED_EDGES = 100; // most edges in the table
const MIN_CHANGE = 24; // pixels of width for which the diagram is laid out anew

export function network(root, page) {
  const state = { root, page, network: page.shown, isWhole: false, width: page.width, drawing: page.drawing, edges: page.edges };
  show(state);
  const box = root.querySelector(".drawing");
  makeZoomable(box);
  watchTheme(() => redraw(state), page.signal);
  const resized = new ResizeObserver(() => {
    if (Math.abs(box.clientWidth - state.width) < MIN_CHANGE) return;
    state.width = box.clientWidth;
    redraw(state);
  });
  resized.observe(box);
  page.signal.addEventListener("abort", () => resized.disconnect());
}

/** Shows another network, or more or less of it. */
async function choose(state, change) {
  const { page } = state;
  const isOther = change.network && change.network !== state.network;
  Object.assign(state, change, isOther ? { isWhole: false, edges: edgesOf(page, change.network) } : {});
  await redraw(state);
  announce(t("model.network.shown", { count: curveGroups(state.root).length }));
}

async function redraw(state) {
  const { page, width } = state;
  const wish = [state.network, state.isWhole].join();
  try {
    if (shapeOf(state).edges <= MAX_EDGES_AT_ONCE) state.edges.found = await state.edges();
    const drawing = await fetchDrawing(page.path, state, width, { signal: page.signal });
    if (wish !== [state.network, state.isWhole].join()) return; // another wish came meanwhile
    state.drawing = drawing;
  } catch (error) {
    if (error.name === "AbortError") return;
    state.drawing = { problem: error };
  }
  show(state);
}

function show(state) {
  const open = (place) => openEdge(place, state);
  const svg = makeDrawing(state.drawing.body, state.edges.found, open);
  render(frame(state, svg ? curveGroups(svg).length : 0, open), state.root);
  if (svg) placePicture(state.root.querySelector(".drawing"), svg);
}

const shapeOf = ({ page, network: name }) => page.model.members[name].network;

function frame(state, drawn, open) {
  const { page, root } = state;
  const shape = shapeOf(state);
  return html`<p>${t("model.network.about")}</p>
    <p class="actions tight">${choices(state, drawn)}</p>
    <figure class="picture">
      <div class="drawing" tabindex="0" role="region" aria-label=${t("model.network.region")}></div>
      <p class="chart-tools">
        ${boxButtons(t("model.network.picture"), () => root.querySelector(".drawing"))}
      </p>
      <figcaption>
        ${t("model.network.shape", { width: shape.width.join(" → "), edges: count(shape.edges), grid: shape.grid, order: shape.order })}
      </figcaption>
    </figure>
    ${state.drawing.problem ? problem(state.drawing.problem) : nothing}
    ${downloads(`${page.path}/plot`, `${page.model.name}-network`, t("model.network.picture"), drawingQuery(state))}
    <details class="more" @toggle=${(event) => event.target.open && list(event.target, state, open)}>
      <summary>${t("model.network.list")}</summary>
      <div class="edges" data-network=${state.network}></div>
    </details>
    <div class="answer"></div>`;
}

/** Buttons for the other network, and for the curves that are left out. */
function choices(state, drawn) {
  const { members } = state.page.model;
  const total = state.edges.found ? curvesOf(state.edges.found).length : shapeOf(state).edges;
  const names = ["compact", "accurate"].filter((name) => members[name]?.network);
  const isSame = names.length < 2 || names.every((name) => members[name].network.edges === members.compact.network.edges);
  const button = (words, isOn, change) => html`<button type="button" class="small" aria-pressed=${isOn} @click=${() => choose(state, change)}>${words}</button>`;
  return html`${isSame ? nothing : names.map((name) => {
      const edges = members[name].network.edges;
      return button(t(`model.network.${name}`, { count: edges }), name === state.network, { network: name });
    })}
    ${state.isWhole || drawn < total ? button(t("model.network.whole", { count: total }), state.isWhole, { isWhole: !state.isWhole }) : nothing}`;
}

async function openEdge(place, { edges, page, root }) {
  try {
    if (!edges.found) announce(t("model.loading"));
    const [document_, { edgeDialog }] = await Promise.all([edges(), import("./edge.js")]); // few readers open a curve
    const edge = findCurve(document_, place);
    if (edge && !page.signal.aborted) edgeDialog(edge, document_, page);
  } catch (error) {
    if (error.name !== "AbortError") render(problem(error), root.querySelector(".answer"));
  }
}

/** Renders the table of edges by score when the section is opened. */
async function list(details, state, open) {
  const place = details.querySelector(".edges");
  render(html`<p class="quiet">${t("model.loading")}</p>`, place);
  try {
    const edges = await state.edges();
    const sorted = [...curvesOf(edges)].sort((one, other) => (other.score ?? 0) - (one.score ?? 0));
    render(edgeTable(sorted.slice(0, MAX_LISTED_EDGES), sorted.length, edges, open), place);
  } catch (error) {
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
