// The text of an error or a warning: translated by its form, or else by its code with the English one below.

import { html, nothing } from "../../vendor/lit-html.js";
import { codeWords, language, t, translate } from "../i18n.js";

export const problemText = ({ code, detail }) => translate(detail) || joinOriginal(codeWords(code), detail);

/** The text of an entry or a warning. Some have codes of errors; other codes get the text for an invalid value. */
export function entryText({ code, detail }) {
  return translate(detail) || joinOriginal(codeWords(code, "entries") || codeWords(code) || t("wrong value"), detail);
}

/** The text of a warning of a model: an English text, or an object with a code. */
export function warningText(told) {
  const detail = typeof told === "string" ? told : told.detail || told.message || JSON.stringify(told);
  return translate(detail) || joinOriginal(codeWords(told.code, "entries") || codeWords(told.code), detail);
}

function joinOriginal(words, detail) {
  if (language === "en") return detail;
  if (!words) return html`<span lang="en">${detail}</span>`;
  return html`${renderMarkdown(words)}${detail ? html`<small class="original" lang="en">${detail}</small>` : nothing}`;
}

/** Renders code spans of Markdown, and replaces links into the guide by their text. */
function renderMarkdown(words) {
  const parts = words.replace(/\[([^\]]+)\]\([^)]+\)/g, "«$1»").split("`");
  return parts.map((part, place) => (place % 2 ? html`<code>${part}</code>` : part));
}
