// Interactive charts over Observable Plot: values on hover, zoom and pan, selection, downloads.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { number, t } from "../i18n.js";
import { downloadFigure, svgOf } from "./download_figure.js";

export const MARGIN_BOTTOM = 40; // room for the label of an axis below those of its ticks
export const FACTOR = 1.5; // of a zoom step by button or key
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
 *   options({ Plot, width }): options of `Plot.plot`; `x` and `y` are scales that can be zoomed. Numbers at their ticks are
 *     written as everywhere on the page; `tip: true` of a mark needs a `title` for that;
 *   height(width): the height; by default 3/5 of the width;
 *   about: text below the chart, if any;
 *   onSelect(datum, event): called with the datum under the pointer that was clicked, if there is such a function;
 *   isFixed: true for charts without zoom.
 * @returns A function that draws the chart anew with other contents: `update({ words, options, ... })`.
 */
export async function showChart(host, chart) {
  const Plot = await loadPlot();
  const state = { chart, figure: null, scales: null, transform: Plot.zoomIdentity };
  const act = {
    zoomBy: (factor) =>
      factor ? zoomer.scaleBy(Plot.select(area), factor) : zoomer.transform(Plot.select(area), Plot.zoomIdentity),
    download: (kind) => downloadFigure(state.figure, kind, state.chart.filename),
  };
  render(frame(chart, act), host);
  const area = host.querySelector(".chart-area");
  const draw = () => {
    state.scales = null;
    drawFigure(Plot, state, area);
  };
  const zoomer = Plot.zoom()
    .scaleExtent([1, MAX_ZOOM])
    .filter((event) => isZoom(event, state))
    .on("zoom", ({ transform }) => {
      state.transform = transform;
      drawFigure(Plot, state, area);
    });
  if (!chart.isFixed) {
    Plot.select(area).call(zoomer).on("dblclick.zoom", null);
    area.addEventListener("keydown", (event) => moveByKey(event, act, (x, y) => pan(Plot, zoomer, area, x, y)));
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
    render(frame(state.chart, act), host);
    draw();
  };
}

/** A button of a picture, which its label names, too. */
const toolButton = (what, name, sign, act) => html`<button type="button" class="small"
  aria-label=${`${t(`chart.${name}`)}: ${what}`} title=${t(`chart.${name}`)} @click=${act}>${sign}</button>`;

/** Buttons to zoom a picture; without a factor all of it is shown. */
export const zoomButtons = (what, zoomBy) => html`${toolButton(what, "zoom in", "+", () => zoomBy(FACTOR))}
  ${toolButton(what, "zoom out", "−", () => zoomBy(1 / FACTOR))}${toolButton(what, "whole", "⤢", () => zoomBy())}`;

function frame({ title, about, isFixed }, { zoomBy, download }) {
  return html`<figure class="picture interactive">
    <h4>${title}</h4>
    <div class="chart-area" tabindex=${isFixed ? nothing : "0"} role="group" aria-label=${title}></div>
    ${about ? html`<figcaption>${about}</figcaption>` : nothing}
    <p class="chart-tools">
      ${isFixed ? nothing : zoomButtons(title, zoomBy)}
      ${["svg", "png"].map((kind) => toolButton(title, `download ${kind}`, kind.toUpperCase(), () => download(kind)))}
    </p>
  </figure>`;
}

function drawFigure(Plot, state, area) {
  const { chart, transform } = state;
  const width = Math.max(240, area.clientWidth);
  const given = chart.options({ Plot, width });
  const options = { ...given, x: { tickFormat: tick, ...given.x }, y: { tickFormat: tick, ...given.y } };
  const height = Math.round(chart.height?.(width) ?? Math.min(420, 0.6 * width));
  const whole = { width, height, marginBottom: MARGIN_BOTTOM, className: "plot", style: { overflow: "visible", fontSize: "12px" }, ...options };
  let figure = null;
  if (transform.k === 1 || !state.scales) {
    figure = Plot.plot(whole);
    state.scales = { x: figure.scale("x"), y: figure.scale("y") };
  }
  if (transform.k !== 1) figure = Plot.plot({ ...whole, clip: true, ...zoomScales(state.scales, transform, options) });
  figure.querySelectorAll("style").forEach((rules) => rules.remove()); // the page's security policy refuses them; see style.css
  const svg = svgOf(figure);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", chart.words);
  removeNames(svg);
  new MutationObserver(() => removeNames(svg)).observe(svg, { childList: true, subtree: true }); // the pointer brings new marks
  state.figure = figure;
  area.replaceChildren(figure);
}

/** Parts of an image have no names of their own. */
function removeNames(svg) {
  for (const mark of svg.querySelectorAll("g[aria-label]")) {
    mark.dataset.mark = mark.getAttribute("aria-label");
    mark.removeAttribute("aria-label");
  }
}

/** A value at a tick, with the digits that distinguish the ticks. */
function tick(value, _, ticks) {
  if (typeof value !== "number") return value;
  const step = Math.abs(ticks[1] - ticks[0]) || Math.abs(value) || 1;
  const digits = 2 + Math.ceil(Math.log10(Math.max(step, ...ticks.map(Math.abs)) / step));
  return number(value, digits + 1).replace(/[.,]?0+·/, "·");
}

/** The domains that a zoom shows; categories are not zoomed. */
function zoomScales({ x, y }, transform, options) {
  const shown = (scale, invert) => scale.range.map((place) => scale.invert(invert(place)));
  const ticks = (axis) => (Array.isArray(axis.ticks) ? undefined : axis.ticks); // a list of them is that of the whole
  const zoomed = {};
  if (x?.invert) zoomed.x = { ...options.x, ticks: ticks(options.x), domain: shown(x, (place) => transform.invertX(place)), nice: false };
  if (y?.invert) zoomed.y = { ...options.y, ticks: ticks(options.y), domain: shown(y, (place) => transform.invertY(place)), nice: false };
  if (zoomed.y && options.y?.reverse) zoomed.y.reverse = false;
  return zoomed;
}

/** Whether an event zooms or pans: the wheel only with Ctrl, so that the page scrolls; a finger only what is zoomed. */
function isZoom(event, { transform }) {
  if (event.type === "wheel") return event.ctrlKey || event.metaKey;
  if (event.type.startsWith("touch")) return event.touches.length > 1 || transform.k > 1;
  return !event.button && transform.k > 1;
}

function moveByKey(event, { zoomBy }, panBy) {
  if (event.target !== event.currentTarget) return;
  const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (event.key === "+" || event.key === "=") zoomBy(FACTOR);
  else if (event.key === "-") zoomBy(1 / FACTOR);
  else if (event.key === "0") zoomBy();
  else if (event.key in moves) panBy(...moves[event.key]);
  else return;
  event.preventDefault();
}

/** Pans by eighths of the width. */
function pan(Plot, zoomer, area, x, y) {
  const step = area.clientWidth / 8 / Plot.zoomTransform(area).k;
  zoomer.translateBy(Plot.select(area), x * step, y * step);
}
