// A picture of the service in the language of the page and the preferred colour scheme.

import { attempt, text } from "../api.js";
import { language } from "../i18n.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Resolves to its source: {body} or {problem}. `query` is added to the address. */
export function picture(path, options, query = "") {
  return attempt(text(`${path}?lang=${language}&theme=${dark.matches ? "dark" : "light"}${query}`, options));
}

/** Calls the listener when the preferred colour scheme changes. */
export function watchTheme(listener, signal) {
  dark.addEventListener("change", listener, { signal });
}
