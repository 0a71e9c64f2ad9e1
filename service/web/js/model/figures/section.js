// Effects and importance of the inputs: the places of their charts, which are loaded when they come near.

import { html, render } from "../../../vendor/lit-html.js";
import { whenNear } from "../../parts/near.js";

export const SHOWN_EFFECTS = 6; // inputs at first
export const SHOWN_BARS = 30; // inputs, the most important ones
const [BAR, TEXTS] = [26, 220]; // height of a bar of importance in pixels, and of what stands around them

/** Whether a model has this section. */
export const hasEffects = ({ measured }) => Boolean(measured?.effects.length || measured?.importance);

export function effectsSection(root, page) {
  const { effects, importance } = page.measured;
  render(html`<div class="effects"></div><div class="importance"></div>`, root);
  const [panels, bars] = root.children;
  const places = effects.slice(0, SHOWN_EFFECTS).map(() => html`<div class="panel"></div>`);
  render(html`<div class="panels empty">${places}</div>`, panels);
  bars.style.minHeight = importance ? `${TEXTS + BAR * Math.min(importance.features.length, SHOWN_BARS)}px` : "";
  whenNear(root, async () => (await import("./effects.js")).showEffects(panels, bars, page));
}
