// The view of an unknown address.

import { html, render } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";

export default function view({ root }) {
  render(html`<h1>${t("lost")}</h1><p><a href="#/">${t("to the start")}</a></p>`, root);
}
