// What a job does, in the reader's words. The service reports it as short English texts; their forms are known here alone.

import { html, nothing } from "../../vendor/lit-html.js";
import { count, language, named, number, t } from "../i18n.js";

const both = new Intl.ListFormat(language, { type: "conjunction" });

// Forms of reports with numbers, and the values of their words.
const FORMS = [
  [/^KAN \[([\d, ]+)\], step (\d+)/, "network", ([, width, step]) => ({ shape: shapeWords(width), step: count(Number(step)) })],
  [/^training on all training rows, step (\d+)/, "all rows", ([, step]) => ({ step: count(Number(step)) })],
  [/^shape (\d+)(?: with (\d+) hidden nodes?)?:/, "structure", ([, which, nodes]) => ({ number: which, shape: nodes ? ` (${hiddenWords(Number(nodes))})` : "" })],
  [/^training a network of shape \[([\d, ]+)\](?:: on (\d+) intervals)?/, "distillation", ([, width, grid]) => ({ shape: shapeWords(width), grid: grid ? `, ${t("doing.intervals", { count: grid })}` : "" })],
  [/^([\d x]+) intervals: violation/, "grid", ([, intervals]) => ({ intervals: intervals.replaceAll("x", "×") })],
  [/^improving (\d+) formulas/, "formulas", ([, formulas]) => ({ count: Number(formulas) })],
  [/^waiting for another worker/, "waiting", () => ({})],
  [/^([\d,]+) of ([\d,]+) rows$/, "rows", ([, ...rows]) => amounts(rows)],
  [/^(\d+) trainings$/, "study", ([, trainings]) => ({ count: Number(trainings) })],
  [/^(\d+) of (\d+) trainings have ended/, "trainings", ([, ...trainings]) => amounts(trainings)],
];

/** A report in words, or null if its form is unknown. */
export function progressWords(message) {
  for (const [form, name, values] of FORMS) {
    const found = form.exec(message);
    if (found) return t(`doing.${name}`, values(found));
  }
  return named("doing", message, null);
}

/** What a job does just now, as text for the page; where it is a network, with its error. */
export function doing({ message, error }) {
  if (!message) return nothing;
  const words = progressWords(message);
  if (!words) return html`<span lang="en">${message}</span>`;
  return error > 0 && /\d/.test(message) ? `${words}: ${t("doing.error", { error: number(error, 2) })}` : words;
}

const hiddenWords = (nodes) => (nodes ? t("doing.hidden", { count: nodes }) : t("doing.no layers"));

function amounts(texts) {
  const [done, total] = texts.map((text) => count(Number(text.replaceAll(",", ""))));
  return { done, total };
}

/** "8, 192, 96, 1" as "8 inputs, hidden layers of 192 and 96 nodes". */
function shapeWords(width) {
  const [inputs, ...layers] = width.split(",").map(Number);
  const hidden = layers.slice(0, -1).map(count);
  const isOne = layers.length === 2 && layers[0] === 1;
  const layerWords = isOne ? hiddenWords(1) : hidden.length ? t("doing.layers", { count: hidden.length, nodes: both.format(hidden) }) : t("doing.no layers");
  return `${t("doing.inputs", { count: inputs })}, ${layerWords}`;
}

/** A network that was tried, in words: its shape and, of a larger network, the settings that the search varies. */
export function trialWords({ kind, width, grid, optimizer, steps, weight_decay: decay, quantile }) {
  const words = [`${t(`doing.tried ${kind}`)}: ${shapeWords(width.join())}`, t("doing.intervals", { count: grid })];
  if (kind === "structure") return words.join(", ");
  const training = steps && t(optimizer === "adam" ? "doing.epochs" : "doing.steps", { count: steps });
  const settings = [decay && t("doing.decay", { decay: number(decay, 2) }), quantile && t("doing.quantiles")];
  return [...words, training, ...settings].filter(Boolean).join(", ");
}
