// Charts of the model, drawn by the service, each with an explanation.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { figure, watchTheme, picture } from "../parts/picture.js";

/** Whether there is one of these charts to show. */
export const hasPictures = ({ figures }, names) => names.some((name) => figures[name]?.body);

/** Renders those of the named charts that the model has. */
export function pictures(root, page, names) {
  const known = names.filter((name) => hasPictures(page, [name]));
  show(root, page, known, page.figures);
  watchTheme(async () => {
    const found = await Promise.all(known.map((name) => picture(`${page.path}/plots/${name}.svg`, { signal: page.signal })));
    show(root, page, known, Object.fromEntries(known.map((name, at) => [name, found[at]])));
  }, page.signal);
}

function show(root, page, names, figures) {
  render(names.map((name) => modelFigure(name, figures[name].body, page)), root);
}

/** A note where a model has no charts; nothing for others. */
export const missingNote = ({ isUnmeasured }) => (isUnmeasured ? html`<p class="note">${t("model.pictures.none")}</p>` : nothing);

function modelFigure(name, source, page) {
  const history = page.model.task === "equation" ? "refinement" : "history";
  const key = { history }[name] ?? name;
  return figure({
    name,
    source,
    title: t(`model.picture.${key}`),
    about: t(`model.picture.${key} about`),
    path: `${page.path}/plots/${name}`,
    filename: `${page.model.name}-${name}`,
  });
}
