// A picture that the service drew, in the reader's language and in the colours that the reader prefers.

import { html, nothing } from "../../vendor/lit-html.js";
import { attempt, text } from "../api.js";
import { language } from "../i18n.js";
import { downloads } from "./downloads.js";
import { drawn } from "./inline.js";
import { scrollBox } from "./scroll.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Its source: {body} or {problem}. */
export function picture(path, options) {
  return attempt(text(`${path}?lang=${language}&theme=${dark.matches ? "dark" : "light"}`, options));
}

/** Calls back when the reader's preference changes. */
export function onTheme(listener, signal) {
  dark.addEventListener("change", listener, { signal });
}

/** With its title, how to read it, and as files; nothing without a source. */
export function figure({ name, source, title, about, path, filename }) {
  const svg = drawn(source, `picture-${name}`);
  if (!svg) return nothing;
  return html`<figure class="picture">
    <h4>${title}</h4>
    ${scrollBox(title, svg)}
    <figcaption>${about}</figcaption>
    ${downloads(path, filename, title)}
  </figure>`;
}
