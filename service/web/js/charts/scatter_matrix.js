// Every numeric column over every other one, in small; a pair in large with zoom.

import { html, render } from "../../vendor/lit-html.js";
import { count, number, t } from "../i18n.js";
import { isNumber } from "../settings/columns.js";
import { showChart } from "./chart.js";
import { correlate } from "./correlation.js";
import { shorten } from "../parts/shorten.js";
import { labelWithUnit, withUnit } from "../model/labels.js";

const MOST_COLUMNS = 8;
const CELL_WIDTH = 80; // least width in pixels; on narrow screens there are fewer columns
const MOST_DOTS = 12_000; // in the cells, since a browser draws about 30,000 a second
const MAX_LETTERS = 11; // of a name in a cell
const MOST_WORDS = 5; // pairs that a screen reader hears of

/** The numeric columns, the target first. */
export function matrixColumns({ dataset, target }) {
  const names = dataset.columns.filter((column) => isNumber(column) && column.distinct > 1 && !column.is_id).map(({ name }) => name);
  return [...names.filter((name) => name === target), ...names.filter((name) => name !== target)];
}

/** Draws the matrix and the pair that is chosen in it into an element, from a sample of the rows. */
export async function scatterMatrix(host, choice, rows) {
  const { dataset } = choice;
  const all = matrixColumns(choice);
  const related = sortByCorrelation(all, rows);
  const most = Math.max(2, Math.min(MOST_COLUMNS, Math.floor(host.clientWidth / CELL_WIDTH)));
  const names = all.length > most ? [all[0], ...related.slice(0, most - 1)] : all;
  let pair = { x: related[0], y: all[0] };
  const [small, large] = [document.createElement("div"), document.createElement("div")];
  const select = (axis) => html`<label>${t(`dataset.pair ${axis}`)}
    <select @change=${(event) => show({ [axis]: event.target.value })}>${all.map((name) => html`<option .selected=${name === pair[axis]}>${name}</option>`)}</select></label>`;
  let update = null;

  async function show(changes) {
    pair = { ...pair, ...changes };
    render(html`${small}<p class="actions">${select("x")} ${select("y")}</p>${large}`, host);
    const chart = pairChart(pair, rows, dataset);
    if (update) update(chart);
    else update = await showChart(large, chart);
  }

  await show({});
  await showChart(small, { ...matrixChart(names, rows, dataset), onSelect: ({ x, y }) => show({ x, y }) });
}

/** The columns but the first one, which is the target, those that go with it most at the beginning. */
function sortByCorrelation([first, ...others], rows) {
  const strength = new Map(others.map((name) => [name, Math.abs(correlate(rows, first, name)) || 0]));
  return others.sort((one, other) => strength.get(other) - strength.get(one));
}

function matrixChart(names, rows, dataset) {
  const spans = new Map(names.map((name) => [name, spanOf(rows, name)]));
  const share = (row, name) => (row[name] - spans.get(name).low) / spans.get(name).width;
  const pairs = names.flatMap((y) => names.filter((x) => x !== y).map((x) => ({ x, y })));
  const drawn = thin(rows, Math.floor(MOST_DOTS / pairs.length));
  const data = pairs.flatMap(({ x, y }) =>
    drawn.filter((row) => isGiven(row, x, y)).map((row) => ({ x, y, across: share(row, x), up: share(row, y), title: titleOf(row, x, y, dataset) })),
  );
  const options = ({ Plot }) => ({
    margin: 2,
    fx: { domain: names, label: null, padding: 0.06, axis: null },
    fy: { domain: names, label: null, padding: 0.06, axis: null },
    x: { axis: null, domain: [-0.05, 1.05] },
    y: { axis: null, domain: [-0.05, 1.05] },
    marks: [
      Plot.frame({ stroke: "var(--line)" }),
      Plot.dot(data, { fx: "x", fy: "y", x: "across", y: "up", r: 1.5, fill: "var(--accent)", fillOpacity: 0.6, title: "title", tip: true }),
      Plot.text(names, { fx: (name) => name, fy: (name) => name, frameAnchor: "middle", text: (name) => shorten(name, MAX_LETTERS), fontSize: 11, fill: "currentColor" }),
    ],
  });
  const strongest = pairs.filter(({ x, y }) => names.indexOf(x) > names.indexOf(y)).map((one) => ({ ...one, r: correlate(rows, one.x, one.y) }));
  strongest.sort((one, other) => Math.abs(other.r || 0) - Math.abs(one.r || 0));
  const words = strongest.slice(0, MOST_WORDS).map(({ x, y, r }) => correlationWords(x, y, r)).join("; ");
  return {
    title: t("dataset.matrix title"), words: t("dataset.matrix words", { columns: count(names.length), words }), about: t("dataset.matrix about", shownOf(drawn, dataset)),
    filename: `${dataset.name}-matrix`, options, height: (width) => width, isFixed: true,
  };
}

function pairChart({ x, y }, rows, dataset) {
  const data = rows.filter((row) => isGiven(row, x, y));
  const label = (name) => labelWithUnit(name, dataset.units[name]);
  const options = ({ Plot }) => ({
    x: { label: label(x), nice: true },
    y: { label: label(y), nice: true },
    grid: true,
    marginLeft: 60,
    marks: [Plot.dot(data, { x, y, r: 3, fill: "var(--accent)", fillOpacity: 0.6, title: (row) => titleOf(row, x, y, dataset), tip: true })],
  });
  const words = correlationWords(x, y, correlate(rows, x, y));
  return { title: t("dataset.pair", { x, y }), words, about: t("dataset.pair about", { words, ...shownOf(data, dataset) }), filename: `${dataset.name}-pair`, options };
}

const correlationWords = (x, y, r) => t("dataset.correlation", { x, y, r: number(Math.round(100 * r) / 100) });

const isGiven = (row, ...names) => names.every((name) => Number.isFinite(row[name]));

function titleOf(row, x, y, { units }) {
  return [...new Set([x, y])].map((name) => `${name}: ${withUnit(number(row[name]), units[name])}`).join("\n");
}

const shownOf = (drawn, { rows }) => ({ shown: count(drawn.length), rows: count(rows) });

/** At most this many rows, evenly spaced. */
function thin(rows, most) {
  const step = Math.max(1, rows.length / most);
  return Array.from({ length: Math.floor(rows.length / step) }, (_, place) => rows[Math.floor(place * step)]);
}

function spanOf(rows, name) {
  const values = rows.map((row) => row[name]).filter(Number.isFinite);
  const low = Math.min(...values);
  return { low, width: Math.max(...values) - low || 1 };
}
