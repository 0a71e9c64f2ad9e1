// A picture of the service in the language of the page and the preferred colour scheme.

import { html, nothing } from "../../vendor/lit-html.js";
import { attempt, text } from "../api.js";
import { language } from "../i18n.js";
import { downloads } from "./downloads.js";
import { prepareSvg } from "./inline.js";
import { scrollBox } from "./scroll.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Resolves to its source: {body} or {problem}. `query` is added to the address. */
export function picture(path, options, query = "") {
  return attempt(text(`${path}?lang=${language}&theme=${dark.matches ? "dark" : "light"}${query}`, options));
}

/** Calls the listener when the preferred colour scheme changes. */
export function watchTheme(listener, signal) {
  dark.addEventListener("change", listener, { signal });
}

/** A figure with title, explanation and download buttons; nothing without a source. */
export function figure({ name, source, title, about, path, filename }) {
  const svg = prepareSvg(source, `picture-${name}`);
  if (!svg) return nothing;
  return html`<figure class="picture">
    <h4>${title}</h4>
    ${scrollBox(title, svg)}
    <figcaption>${about}</figcaption>
    ${downloads(path, filename, title)}
  </figure>`;
}
