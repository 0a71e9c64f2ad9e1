// A question before what cannot be undone.

import { html, render } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";

/** Whether it is to be done. The focus returns to where it was by itself. */
export function confirmed({ title, about, action }) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "confirm-title");
  render(
    html`<form method="dialog">
      <h2 id="confirm-title">${title}</h2>
      <p>${about}</p>
      <p class="actions">
        <button value="no" autofocus>${t("cancel")}</button>
        <button value="yes" class="danger">${action}</button>
      </p>
    </form>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}
