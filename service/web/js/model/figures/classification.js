// Charts of a classifier: the confusion matrix, the reliability of its probabilities, and ROC curves.

import { html, render } from "../../../vendor/lit-html.js";
import { showChart } from "../../charts/chart.js";
import { count, number, t } from "../../i18n.js";
import { confusionChart } from "./confusion.js";
import { legend, lineSign, seriesStyle } from "./series.js";

const HEIGHT = 320; // pixels
const TEXTS = 160; // height of what stands around a matrix
const MAX_CURVES = 12; // those with the largest areas are drawn
const RADII = [3, 5]; // least radius of a dot, and what the most rows add to it
const SHARES = { domain: [0, 1], ticks: 5, grid: true, labelAnchor: "center" };
const DIAGONAL = [[0, 0], [1, 1]];

/** Renders nothing without figures. */
export function showClassification(root, { model, measured }) {
  if (!measured?.confusion) return;
  const { confusion, reliability, roc } = measured;
  const charts = [reliability && reliabilityChart(reliability, model), roc?.length && rocChart(roc, model)].filter(Boolean);
  const places = charts.map(() => html`<div class="row-chart"></div>`);
  render(html`<div class="confusion"></div><div class="charts">${places}</div>`, root);
  const [matrix, host] = [confusionChart(confusion, model), root.querySelector(".confusion")];
  host.style.minHeight = `${matrix.height(host.clientWidth) + TEXTS}px`;
  showChart(host, matrix);
  root.querySelectorAll(".row-chart").forEach((host, at) => showChart(host, charts[at]));
}

const percent = (share) => t("model.percent", { value: number(100 * share, 3) });

function reliabilityChart({ class: label, mean_probability: means, observed_share: shares, count: counts }, model) {
  const bins = counts.map((rows, at) => ({ rows, x: means[at], y: shares[at] })).filter(({ x, y }) => x !== null && y !== null);
  const most = Math.max(...counts, 1);
  const radius = ({ rows }) => RADII[0] + RADII[1] * Math.sqrt(rows / most);
  const describe = ({ x, y, rows }) =>
    t("model.reliability.bin", { predicted: percent(x), observed: percent(y), count: count(rows) });
  const across = label === null ? t("model.reliability.any class") : t("model.effects.probability of", { class: label });
  return {
    title: t("model.picture.reliability"),
    about: t("model.picture.reliability about"),
    words: bins.map(describe).join("; "),
    filename: `${model.name}-reliability`,
    height: () => HEIGHT,
    options: ({ Plot }) => ({
      ...frame(across, t("model.reliability.observed")),
      marks: [
        diagonal(Plot),
        Plot.line(bins, { x: "x", y: "y", stroke: "var(--accent)", strokeWidth: 2 }),
        Plot.dot(bins, {
          x: "x", y: "y", r: { value: radius, scale: null }, fill: "var(--accent)", title: describe, tip: { lineWidth: 14 },
        }),
        Plot.text(bins, {
          x: "x", y: "y", text: ({ rows }) => count(rows), dy: -14, fill: "var(--quiet)", stroke: "var(--paper)", strokeWidth: 3,
        }),
      ],
    }),
  };
}

function rocChart(roc, model) {
  const shown = [...roc].sort((one, other) => other.auc - one.auc).slice(0, MAX_CURVES);
  const name = ({ class: label, auc }) => t("model.roc.curve", { class: label, auc: number(auc, 3) });
  const lines = shown.map((curve) => curve.false_positive_rate.map((x, at) => ({ x, y: curve.true_positive_rate[at], curve })));
  const title = ({ x, y, curve }) =>
    [name(curve), `${t("model.roc.false")}: ${percent(x)}`, `${t("model.roc.true")}: ${percent(y)}`].join("\n");
  return {
    title: t("model.picture.roc"),
    about: html`${t("model.picture.roc about")} ${legend(shown.map((curve, at) => [lineSign(seriesStyle(at)), name(curve)]))}`,
    words: shown.map(name).join("; "),
    filename: `${model.name}-roc`,
    height: () => HEIGHT,
    options: ({ Plot }) => ({
      ...frame(t("model.roc.false"), t("model.roc.true")),
      marks: [
        diagonal(Plot),
        ...lines.map((points, at) => Plot.line(points, { x: "x", y: "y", ...seriesStyle(at) })),
        Plot.dot(lines.flat(), { x: "x", y: "y", fill: "transparent", title, tip: { lineWidth: 18 } }),
      ],
    }),
  };
}

const frame = (x, y) => ({
  marginLeft: 48,
  inset: 6,
  x: { ...SHARES, label: x },
  y: { ...SHARES, label: y, labelAnchor: "top" },
});

const diagonal = (Plot) => Plot.line(DIAGONAL, { stroke: "var(--quiet)", strokeDasharray: "4 3" });
