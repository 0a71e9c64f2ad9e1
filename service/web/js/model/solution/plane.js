// The solution over two variables: a map by colour, and slices of it at a value that moves, by hand or by itself.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { showChart } from "../../charts/chart.js";
import { number, t } from "../../i18n.js";
import { rangeWords } from "./curves.js";

const FRAME_MS = 90;
const TIMES = ["t", "time", "tau", "τ"];

export async function showPlane(host, { model, solution: { values }, unknown, signal }) {
  const cut = TIMES.includes(values.independent[0]) ? 0 : 1; // the variable of the slices, the time if there is one
  const range = rangeOf(unknown.values.flat());
  const plane = { ...values, unknown, cut, along: 1 - cut, range, filename: `${model.name}-${unknown.name}` };
  const state = { at: 0, timer: 0 };
  const last = values.axes[cut].length - 1;
  const draw = () => render(frame(plane, state, { move, toggle }), host);
  draw();
  const [map, slice] = host.querySelectorAll(".plane-map, .plane-slice");
  const updates = await Promise.all([showChart(map, mapChart(plane, state)), showChart(slice, sliceChart(plane, state))]);

  function move(at) {
    state.at = at;
    draw();
    updates[0](mapChart(plane, state));
    updates[1](sliceChart(plane, state));
  }

  function toggle() {
    if (state.timer) return stop();
    if (state.at === last) state.at = 0;
    state.timer = setInterval(() => (state.at === last || signal.aborted ? stop() : move(state.at + 1)), FRAME_MS);
    draw();
  }

  function stop() {
    clearInterval(state.timer);
    state.timer = 0;
    draw();
  }
}

function frame({ independent, axes, cut, at: fixed, range, unknown }, { at, timer }, { move, toggle }) {
  const name = independent[cut];
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const motion = t(timer ? "model.solution.pause" : "model.solution.play");
  const place = `${name} = ${number(axes[cut][at], 3)}`;
  const slice = Object.entries(fixed).map(([other, value]) => `${other} = ${number(value)}`);
  return html`<div class="plane">
    <div>
      <div class="plane-map"></div>
      <p class="ramp">
        <span>${number(range[0], 3)}</span><i class=${isDiverging(range) ? "diverging" : ""} aria-hidden="true"></i><span>${number(range[1], 3)}</span>
      </p>
      ${slice.length ? html`<p class="hint">${t("model.solution.fixed", { place: slice.join(", ") })}</p>` : nothing}
    </div>
    <div>
      <div class="plane-slice"></div>
      <p class="slider">
        ${isStill
          ? nothing
          : html`<button type="button" class="small" aria-label=${`${motion}: ${unknown.name}`} @click=${toggle}>${timer ? "❚❚" : "▶"}</button>`}
        <input type="range" min="0" max=${axes[cut].length - 1} .value=${String(at)} @input=${(event) => move(event.target.valueAsNumber)}
          aria-label=${t("model.solution.slice at", { name })} aria-valuetext=${place} />
        <output>${place}</output>
      </p>
    </div>
  </div>`;
}

/** The map; its first variable runs to the right. */
function mapChart({ independent, axes, unknown, cut, range, filename }, { at }) {
  const [across, up] = axes;
  const flat = up.flatMap((_, row) => across.map((_, column) => unknown.values[column][row]));
  const points = across.flatMap((x, column) => up.map((y, row) => ({ x, y, value: unknown.values[column][row] })));
  const names = { x: independent[0], y: independent[1], value: unknown.name };
  const title = (point) => Object.entries(names).map(([key, name]) => `${name} = ${number(point[key])}`).join("\n");
  const box = { x1: across[0], x2: across.at(-1), y1: up[0], y2: up.at(-1) };
  const largest = Math.max(...range.map(Math.abs));
  const ends = (axis) => [axis[0], axis.at(-1)];
  return {
    title: t("model.solution.map", { name: unknown.name }),
    words: rangeWords(unknown.name, unknown.values),
    filename: `${filename}-map`,
    height: (width) => Math.min(360, 0.8 * width),
    options: ({ Plot }) => ({
      marginRight: 30,
      x: { label: independent[0], domain: ends(across) },
      y: { label: independent[1], domain: ends(up) },
      color: isDiverging(range) ? { scheme: "RdBu", domain: [largest, -largest] } : { scheme: "viridis", domain: range },
      marks: [
        Plot.raster(flat, { width: across.length, height: up.length, ...box, fill: (value) => value, clip: true }),
        Plot.dot(unknown.measured ?? [], { x: "0", y: "1", r: 2, fill: "currentColor" }),
        (cut ? Plot.ruleY : Plot.ruleX)([axes[cut][at]], { stroke: "currentColor", strokeWidth: 1.5, strokeDasharray: "4 3" }),
        Plot.tip(points, Plot.pointer({ x: "x", y: "y", title })),
      ],
    }),
  };
}

/** The unknown along one variable at the chosen value of the other, before its course at the first value. */
function sliceChart({ independent, axes, unknown, cut, along, range, filename }, { at }) {
  const valueAt = (which, place) => (cut ? unknown.values[which][place] : unknown.values[place][which]);
  const values = (place) => axes[along].map((x, which) => ({ x, value: valueAt(which, place) }));
  const place = `${independent[cut]} = ${number(axes[cut][at], 3)}`;
  const points = values(at);
  const pointWords = ({ x, value }) => `${independent[along]} = ${number(x)}\n${unknown.name} = ${number(value)}`;
  return {
    title: t("model.solution.slice", { name: unknown.name, variable: independent[cut] }),
    words: `${place}. ${rangeWords(unknown.name, points.map(({ value }) => value))}`,
    filename: `${filename}-slice`,
    height: (width) => Math.min(360, 0.8 * width),
    options: ({ Plot }) => ({
      x: { label: independent[along] },
      y: { label: unknown.name, domain: range, nice: true, grid: true },
      marks: [
        Plot.lineY(values(0), { x: "x", y: "value", stroke: "var(--quiet)", strokeDasharray: "3 3" }),
        Plot.lineY(points, { x: "x", y: "value", stroke: "var(--accent)", strokeWidth: 2.2, title: pointWords, tip: true }),
      ],
    }),
  };
}

const isDiverging = ([low, high]) => low < 0 && high > 0;

/** The lowest and the highest value; a constant gets a range around it. */
function rangeOf(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? [low - 1, high + 1] : [low, high];
}
