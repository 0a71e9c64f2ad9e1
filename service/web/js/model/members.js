// The members of a model that predict: its networks, and its formula if it has one.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { labelledField } from "../parts/labelled.js";

/** The member that predicts by default. */
export const automatic = ({ members }) => ["formula", "linear", "compact"].find((name) => members[name]?.serves) ?? "accurate";

const MAX_SHOWN_EDGES = 20; // of an accurate network; with more, the compact one is drawn, as the service does

/** The network that is drawn, as in the service without a wish. */
export function shownNetwork({ members, network }) {
  const { compact } = members;
  return compact && (compact.serves || network.edges > MAX_SHOWN_EDGES) ? "compact" : "accurate";
}

/** The part of a request that selects the member; empty for the default. */
export const memberRequest = (model, by) => (by === automatic(model) ? {} : { by });

/** A select field if there are several; the mean of rivals is one. */
export function memberField(id, { model, formulas }, by, change, hint = "") {
  const names = [...Object.keys(model.members), ...(formulas?.outputs[0].rivals?.length ? ["rivals"] : [])];
  if (names.length < 2) return nothing;
  return labelledField(id, t("model.member.field"), hint, (field, hintId) =>
    html`<select id=${field} name="by" aria-describedby=${hintId} @change=${(event) => change(names[event.target.selectedIndex])}>
      ${names.map((name) => html`<option value=${name} .selected=${name === by}>${nameOf(name, model)}</option>`)}
    </select>`);
}

function nameOf(name, { members }) {
  if (name === "rivals") return t("model.member.rivals");
  const { verdict, network } = members[name];
  if (name === "linear") return t(`model.member.${members.linear.kind}`);
  if (name === "compact") return t("model.member.compact", { count: network.edges });
  return verdict ? t("model.member.with verdict", { member: t(`model.member.${name}`), verdict: t(`model.verdict.${verdict}`) }) : t(`model.member.${name}`);
}
