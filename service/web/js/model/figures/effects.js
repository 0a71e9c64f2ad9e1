// Effects of the inputs: a small chart for each, all with one vertical scale, the most important first.

import { html, nothing, render, svg } from "../../../vendor/lit-html.js";
import { showChart } from "../../charts/chart.js";
import { count, t } from "../../i18n.js";
import { effectChart } from "./effect_chart.js";
import { areaSign, legend, lineSign, seriesStyle } from "./series.js";
import { importanceChart } from "./importance.js";
import { SHOWN_EFFECTS } from "./section.js";

const ROUND_UP = 0.6; // probabilities that reach this are drawn up to 1
const NOISE = 1e-9; // relative width of curves that are constant but for rounding

/** Shows the effects and the importance in their places. */
export function showEffects(effects, importance, page) {
  if (page.measured.effects.length) showPanels(effects, page);
  if (page.measured.importance) showChart(importance, importanceChart(page));
}

function showPanels(root, page) {
  const { effects } = page.measured;
  const outputs = effects[0].curves.map(({ output }) => output);
  const range = rangeOf(effects, page.model.task === "classification");
  let shown = 0;
  const show = async (size) => {
    const old = shown;
    shown = Math.min(size, effects.length);
    const hidden = effects.length - shown;
    render(
      html`<p>${t(`model.picture.effects ${outputs.length > 1 ? "classes" : "about"}`)}</p>
        ${legend(outputs.length > 1 ? outputs.map((name, at) => [lineSign(seriesStyle(at)), name]) : signs(effects))}
        <div class="panels">${effects.slice(0, shown).map(() => html`<div class="panel"></div>`)}</div>
        ${hidden
          ? html`<button type="button" @click=${() => show(Infinity)}
              >${t("model.effects.more", { count: count(hidden) })}</button>`
          : nothing}`,
      root,
    );
    const panels = [...root.querySelectorAll(".panel")].slice(old);
    await Promise.all(panels.map((panel, at) => showChart(panel, effectChart(effects[old + at], range, page.model))));
    if (old) panels[0].querySelector(".chart-area").focus(); // the button with the focus is gone
  };
  return show(SHOWN_EFFECTS);
}

const signs = (effects) => [
  [lineSign({ stroke: "var(--accent)", strokeWidth: 2.5 }), t("model.effects.mean")],
  [areaSign("var(--accent)", 0.2), t("model.effects.band")],
  ...(effects.some(({ deciles }) => deciles) ? [decileSign()] : []),
];

const decileSign = () => [
  svg`<path d="M3 14v-8M9 14v-8M13 14v-8M22 14v-8" stroke="currentColor"></path>`,
  t("model.effects.deciles"),
];

/** The vertical scale of all panels: all curves and bands; probabilities begin at 0. */
function rangeOf(effects, isShare) {
  const curves = effects.flatMap((effect) => effect.curves);
  const values = curves.flatMap(({ mean, low, high }) => [...mean, ...(low ?? []), ...(high ?? [])]).filter(Number.isFinite);
  const [least, most] = [Math.min, Math.max].map((pick) => values.reduce((one, other) => pick(one, other)));
  if (isShare) return [0, most > ROUND_UP ? 1 : most];
  const width = most - least;
  const room = width > NOISE * Math.abs(most) ? 0.06 * width : Math.abs(most) || 1;
  return [least - room, most + room];
}
