// Interactive charts over Observable Plot: values on hover, zoom and pan, selection, downloads.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { downloadFigure } from "./download_figure.js";

const FACTOR = 1.5; // of a zoom step by button or key
const MAX_ZOOM = 200;

let library = null;

/** Resolves to Plot with d3's zoom. It is fetched with the first chart. */
export const loadPlot = () => (library ??= import("../../vendor/plot.js"));

/**
 * Draws a chart into an element, and again when its width changes.
 *
 * @param host The element.
 * @param chart An object with
 *   title: heading of the figure;
 *   words: what the chart shows, in words, for those who do not see it;
 *   filename: of downloads, without extension;
 *   options({ Plot, width }): options of `Plot.plot`; `x` and `y` are scales that can be zoomed;
 *   height(width): the height; by default 3/5 of the width;
 *   about: text below the chart, if any;
 *   onSelect(datum, event): called with the datum under the pointer that was clicked, if there is such a function;
 *   isFixed: true for charts without zoom.
 * @returns A function that draws the chart anew with other contents: `update({ words, options, ... })`.
 */
export async function showChart(host, chart) {
  const Plot = await loadPlot();
  const state = { chart, figure: null, base: null, transform: Plot.zoomIdentity };
  render(frame(chart, state, (step) => step(Plot, zoomer, area)), host);
  const area = host.querySelector(".chart-area");
  const draw = () => drawFigure(Plot, state, area);
  const zoomer = Plot.zoom()
    .scaleExtent([1, MAX_ZOOM])
    .filter((event) => isZoom(event, state))
    .on("zoom", ({ transform }) => {
      state.transform = transform;
      draw();
    });
  if (!chart.isFixed) {
    Plot.select(area).call(zoomer).on("dblclick.zoom", null);
    area.addEventListener("keydown", (event) => moveByKey(event, Plot, zoomer, area));
  }
  area.addEventListener("click", (event) => {
    if (state.figure?.value && !event.defaultPrevented) state.chart.onSelect?.(state.figure.value, event);
  });
  draw();
  let width = area.clientWidth;
  new ResizeObserver(() => {
    if (area.clientWidth === width) return;
    width = area.clientWidth;
    draw();
  }).observe(area);
  return (changes) => {
    state.chart = { ...state.chart, ...changes };
    render(frame(state.chart, state, (step) => step(Plot, zoomer, area)), host);
    draw();
  };
}

function frame({ title, about, filename, isFixed }, state, act) {
  const zoomBy = (factor) => () => act((Plot, zoomer, area) => zoomer.scaleBy(Plot.select(area), factor));
  const reset = () => act((Plot, zoomer, area) => zoomer.transform(Plot.select(area), Plot.zoomIdentity));
  const button = (name, sign, does) => html`<button type="button" class="small" aria-label=${`${t(`chart.${name}`)}: ${title}`} title=${t(`chart.${name}`)} @click=${does}>${sign}</button>`;
  return html`<figure class="picture interactive">
    <h4>${title}</h4>
    <div class="chart-area" tabindex=${isFixed ? nothing : "0"} role="group" aria-label=${title}></div>
    ${about ? html`<figcaption>${about}</figcaption>` : nothing}
    <p class="chart-tools">
      ${isFixed ? nothing : html`${button("zoom in", "+", zoomBy(FACTOR))}${button("zoom out", "−", zoomBy(1 / FACTOR))}${button("whole", "⤢", reset)}`}
      ${["svg", "png"].map((kind) => button(`download ${kind}`, kind.toUpperCase(), () => downloadFigure(state.figure, kind, filename)))}
    </p>
  </figure>`;
}

function drawFigure(Plot, state, area) {
  const { chart, transform } = state;
  const width = Math.max(240, area.clientWidth);
  const options = chart.options({ Plot, width });
  const height = Math.round(chart.height?.(width) ?? Math.min(420, 0.6 * width));
  const whole = { width, height, className: "plot", style: { overflow: "visible", fontSize: "12px" }, ...options };
  if (!chart.isFixed) state.base = readScales(Plot.plot(whole));
  const figure = Plot.plot(transform.k === 1 ? whole : { ...whole, clip: true, ...zoomScales(state.base, transform, options) });
  figure.querySelectorAll("style").forEach((rules) => rules.remove()); // the page's security policy refuses them; see style.css
  const svg = figure.matches("svg") ? figure : figure.querySelector("svg:last-of-type");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", chart.words);
  for (const mark of svg.querySelectorAll("g[aria-label]")) { // parts of an image have no names of their own
    mark.dataset.mark = mark.getAttribute("aria-label");
    mark.removeAttribute("aria-label");
  }
  figure.addEventListener("input", () => figure.dispatchEvent(new CustomEvent("chart-hover", { bubbles: true, detail: figure.value })));
  state.figure = figure;
  area.replaceChildren(figure);
}

const readScales = (figure) => ({ x: figure.scale("x"), y: figure.scale("y") });

/** The domains that a zoom shows; categories are not zoomed. */
function zoomScales({ x, y }, transform, options) {
  const shown = (scale, invert) => scale.range.map((place) => scale.invert(invert(place)));
  const zoomed = {};
  if (x?.invert) zoomed.x = { ...options.x, domain: shown(x, (place) => transform.invertX(place)), nice: false };
  if (y?.invert) zoomed.y = { ...options.y, domain: shown(y, (place) => transform.invertY(place)), nice: false };
  if (zoomed.y && options.y?.reverse) zoomed.y.reverse = false;
  return zoomed;
}

/** Whether an event zooms or pans: the wheel only with Ctrl, so that the page scrolls; a finger only what is zoomed. */
function isZoom(event, { transform }) {
  if (event.type === "wheel") return event.ctrlKey || event.metaKey;
  if (event.type.startsWith("touch")) return event.touches.length > 1 || transform.k > 1;
  return !event.button && transform.k > 1;
}

function moveByKey(event, Plot, zoomer, area) {
  const chosen = Plot.select(area);
  const step = area.clientWidth / 8;
  const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  if (event.target !== area) return;
  if (event.key === "+" || event.key === "=") zoomer.scaleBy(chosen, FACTOR);
  else if (event.key === "-") zoomer.scaleBy(chosen, 1 / FACTOR);
  else if (event.key === "0") zoomer.transform(chosen, Plot.zoomIdentity);
  else if (event.key in moves) {
    const { k } = Plot.zoomTransform(area);
    zoomer.translateBy(chosen, moves[event.key][0] / k, moves[event.key][1] / k);
  } else return;
  event.preventDefault();
}
