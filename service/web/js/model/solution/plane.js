// The solution over two variables: a map by colour, and slices of it at a value that moves, by hand or by itself.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { showChart } from "../../charts/chart.js";
import { number, t } from "../../i18n.js";
import { mapChart, mapPoints, ramp } from "../figures/map.js";
import { rangeWords } from "./curves.js";

const FRAME_MS = 90;
const heightFor = (width) => Math.min(360, 0.8 * width);
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
  const [, updateSlice] = await Promise.all([showChart(map, planeMap(plane, state)), showChart(slice, sliceChart(plane, state))]);

  function move(at) {
    state.at = at;
    draw();
    moveRule(map, plane, at);
    updateSlice(sliceChart(plane, state));
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
      ${ramp(range)}
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

/** The map; its first variable runs to the right. It is drawn with the line of the slice at its present place. */
function planeMap({ independent, axes, unknown, cut, range, filename }, state) {
  const names = { x: independent[0], y: independent[1], value: unknown.name };
  return mapChart({
    axes,
    labels: independent,
    points: mapPoints(axes, unknown.values),
    describe: (point) => Object.entries(names).map(([key, name]) => `${name} = ${number(point[key])}`),
    range,
    marks: (Plot) => [
      Plot.dot(unknown.measured ?? [], { x: "0", y: "1", r: 2, fill: "currentColor" }),
      (cut ? Plot.ruleY : Plot.ruleX)([axes[cut][state.at]], { stroke: "currentColor", strokeWidth: 1.5, strokeDasharray: "4 3" }),
    ],
    title: t("model.solution.map", { name: unknown.name }),
    words: rangeWords(unknown.name, unknown.values),
    filename: `${filename}-map`,
    height: heightFor,
  });
}

/** Moves the line of the slice over the map, which is not drawn again: that would take longer than a frame. */
function moveRule(map, { axes, cut }, at) {
  const figure = map.querySelector(".plot");
  const name = cut ? "y" : "x";
  const place = figure.scale(name).apply(axes[cut][at]);
  const line = figure.querySelector('[data-mark="rule"] line');
  for (const end of [1, 2]) line.setAttribute(name + end, place);
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
    height: heightFor,
    options: ({ Plot }) => ({
      x: { label: independent[along], labelAnchor: "center" },
      y: { label: unknown.name, domain: range, nice: true, grid: true },
      marks: [
        Plot.lineY(values(0), { x: "x", y: "value", stroke: "var(--quiet)", strokeDasharray: "3 3" }),
        Plot.lineY(points, { x: "x", y: "value", stroke: "var(--accent)", strokeWidth: 2.2, title: pointWords, tip: true }),
      ],
    }),
  };
}

/** The lowest and the highest value; a constant gets a range around it. */
function rangeOf(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? [low - 1, high + 1] : [low, high];
}
