// A button that copies a text to the clipboard.

import { html } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { t } from "../i18n.js";

const TOLD_MS = 2000;

/** @param what Distinguishes the button from similar ones for screen readers. */
export function copyButton(text, what) {
  return html`<button class="small copy" type="button" @click=${(event) => copy(text, event.currentTarget)}>
    <span class="copy-words">${t("copy")}</span><span class="visually-hidden"> ${what}</span>
  </button>`;
}

async function copy(text, button) {
  const isCopied = (await writeClipboard(text)) || copySelection(text, button);
  const words = t(isCopied ? "copied" : "not copied");
  announce(words);
  button.dataset.told = words; // the style sheet shows it instead of the label, which stays unchanged
  setTimeout(() => delete button.dataset.told, TOLD_MS);
}

async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // not allowed, or a page over plain HTTP without a clipboard
  }
}

function copySelection(text, button) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  button.after(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  button.focus();
  return isCopied;
}
