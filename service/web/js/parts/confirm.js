// A confirmation dialog for actions that cannot be undone.

import { html, render } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";

/** Resolves to whether the user confirms. The browser restores the focus. */
export function askConfirmation({ title, about, action }) {
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
