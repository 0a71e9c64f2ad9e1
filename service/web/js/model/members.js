// Who answers for a model: its network, or its formula where it has one.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { labelled } from "../parts/labelled.js";

/** The member that answers where none is asked for. */
export const automatic = ({ members }) => (members.formula?.serves ? "formula" : "accurate");

/** What a request says of the member that is to answer: nothing where it is the usual one. */
export const wish = (model, by) => (by === automatic(model) ? {} : { by });

/** A choice where there are two; with a hint, where there is room for it. */
export function memberField(id, model, by, change, hint = "") {
  const names = Object.keys(model.members);
  if (names.length < 2) return nothing;
  return labelled(id, t("model.member.field"), hint, (field, hintId) =>
    html`<select id=${field} name="by" aria-describedby=${hintId} @change=${(event) => change(names[event.target.selectedIndex])}>
      ${names.map((name) => html`<option value=${name} .selected=${name === by}>${nameOf(name, model)}</option>`)}
    </select>`);
}

function nameOf(name, { members }) {
  const { verdict } = members[name];
  return verdict ? t("model.member.with verdict", { member: t(`model.member.${name}`), verdict: t(`model.verdict.${verdict}`) }) : t(`model.member.${name}`);
}
