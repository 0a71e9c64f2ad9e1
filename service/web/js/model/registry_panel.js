// Rename a model, give it an alias or tags, or delete it.

import { html, render } from "../../vendor/lit-html.js";
import { send } from "../api.js";
import { announce } from "../screen_reader.js";
import { go } from "../navigate.js";
import { t } from "../i18n.js";
import { askConfirmation } from "../parts/confirm.js";
import { labelledField } from "../parts/labelled.js";
import { problem } from "../parts/problem.js";

export function manage(root, page) {
  const { model, path } = page;
  const save = async (event) => {
    event.preventDefault();
    const form = event.target;
    try {
      const patch = changes(new FormData(form), model);
      if (!Object.keys(patch).length) return announce(t("model.manage.nothing"));
      await send("PATCH", path, patch);
      announce(t("model.manage.saved"));
      dispatchEvent(new HashChangeEvent("hashchange")); // reloads the view with the changed model
    } catch (error) {
      render(problem(error), form.querySelector(".answer"));
    }
  };
  const remove = async () => {
    const asked = {
      title: t("model.manage.sure", { name: model.name, version: model.version }),
      about: t("model.manage.sure about"),
      action: t("model.manage.delete"),
    };
    if (!(await askConfirmation(asked))) return;
    try {
      await send("DELETE", path);
      announce(t("model.manage.deleted"));
      go("/models");
    } catch (error) {
      render(problem(error), root.querySelector(".answer"));
    }
  };
  render(form(model, save, remove), root);
}

function form(model, save, remove) {
  const tags = Object.entries(model.tags).map(([name, value]) => `${name}=${value}`).join("\n");
  return html`<h3>${t("model.manage.title")}</h3>
    <form @submit=${save}>
      <div class="fields">
        ${labelledField("model-name", t("model.manage.name"), t("model.manage.name about"), (id, hint) =>
          html`<input id=${id} aria-describedby=${hint} name="name" .value=${model.name} required />`)}
        ${labelledField("model-alias", t("model.manage.alias"), t("model.manage.alias about", { name: model.name }), (id, hint) =>
          html`<input id=${id} aria-describedby=${hint} name="alias" autocomplete="off" />`)}
        ${labelledField("model-tags", t("model.manage.tags"), t("model.manage.tags about"), (id, hint) =>
          html`<textarea id=${id} aria-describedby=${hint} name="tags" rows="3" .value=${tags}></textarea>`)}
      </div>
      <p class="actions">
        <button class="primary">${t("model.manage.save")}</button>
        <button type="button" class="danger" @click=${remove}>${t("model.manage.delete")}</button>
      </p>
      <div class="answer"></div>
    </form>`;
}

function changes(given, model) {
  const patch = {};
  const [name, alias] = [given.get("name").trim(), given.get("alias").trim()];
  const tags = Object.fromEntries(given.get("tags").split("\n").filter((line) => line.trim()).map(pair));
  if (name !== model.name) patch.name = name;
  if (alias) patch.alias = alias;
  if (JSON.stringify(tags) !== JSON.stringify(model.tags)) patch.tags = tags;
  return patch;
}

function pair(line) {
  const [name, ...value] = line.split("=");
  return [name.trim(), value.join("=").trim()];
}
