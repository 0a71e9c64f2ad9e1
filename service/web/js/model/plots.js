// Charts of the model, each with an explanation.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { figure, watchTheme, picture } from "../parts/picture.js";
import { picturesOf } from "./load.js";

export function pictures(root, page) {
  show(root, page, page.figures);
  watchTheme(async () => {
    const names = picturesOf(page.model).filter((name) => page.figures[name].body);
    const found = await Promise.all(names.map((name) => picture(`${page.path}/plots/${name}.svg`, { signal: page.signal })));
    show(root, page, { ...page.figures, ...Object.fromEntries(names.map((name, at) => [name, found[at]])) });
  }, page.signal);
}

function show(root, page, figures) {
  const hasCourse = page.model.history.length > 1; // one step is no curve
  const names = picturesOf(page.model);
  const shown = names.filter((name) => figures[name].body && (name !== "history" || hasCourse));
  const hasNone = names.some((name) => figures[name].problem?.code === "no_figures");
  render(
    html`${shown.length || hasNone ? html`<h3>${t("model.pictures")}</h3>` : nothing}
      ${shown.map((name) => modelFigure(name, figures[name].body, page))}
      ${hasNone ? html`<p class="note">${t("model.pictures.none")}</p>` : nothing}`,
    root,
  );
}

function modelFigure(name, source, page) {
  const history = page.model.task === "equation" ? "refinement" : "history";
  const key = { parity: "parity.classification", residuals: "residuals.classification", history }[name] ?? name;
  return figure({
    name,
    source,
    title: t(`model.picture.${key}`),
    about: t(`model.picture.${key} about`),
    path: `${page.path}/plots/${name}`,
    filename: `${page.model.name}-${name}`,
  });
}
