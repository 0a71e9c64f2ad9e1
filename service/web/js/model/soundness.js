// Whether a formula is defined and bounded between the rows, too.

import { html, nothing } from "../../vendor/lit-html.js";
import { number, t } from "../i18n.js";
import { unitOf, withUnit } from "./labels.js";

/** A warning with the point where the formula is not. */
export function unsoundNote({ name, sound }, model) {
  if (sound?.status !== "violated") return nothing;
  const at = Object.entries(sound.at).map(([column, value]) => `${column} = ${withUnit(number(value), unitOf(model, column))}`);
  const words = { at: at.join(", "), value: withUnit(number(sound.value), unitOf(model, name)), target: name };
  return html`<p class="warning">
    ${t(sound.value === null ? "model.sound.undefined" : "model.sound.beyond", words)} ${sound.is_far ? t("model.sound.far") : nothing}
  </p>`;
}

/** What was done to show that it is. */
export const soundHint = ({ name, sound }) =>
  !sound || sound.status === "violated" ? nothing : html`<p class="hint">${t(`model.sound.${sound.status}`, { target: name })}</p>`;
