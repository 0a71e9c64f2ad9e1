// What the service says of a mistake or a warning: in the reader's language by its code, and below in full.

import { html, nothing } from "../../vendor/lit-html.js";
import { codeWords, language, t } from "../i18n.js";

export function told({ code, detail }) {
  return below(codeWords(code), detail);
}

/** The same of an entry or a warning. Some have the code of an error; what is wrong with a value has many codes. */
export function toldOfEntry({ code, detail }) {
  return below(codeWords(code, "entries") || codeWords(code) || t("wrong value"), detail);
}

function below(words, detail) {
  if (language === "en") return detail;
  if (!words) return html`<span lang="en">${detail}</span>`;
  return html`${marked(words)}${detail ? html`<small class="original" lang="en">${detail}</small>` : nothing}`;
}

/** Words with what is to be typed in another face; links, which lead around in the guide, as their words. */
function marked(words) {
  const parts = words.replace(/\[([^\]]+)\]\([^)]+\)/g, "«$1»").split("`");
  return parts.map((part, place) => (place % 2 ? html`<code>${part}</code>` : part));
}
