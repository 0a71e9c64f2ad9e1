// A list that is loaded page by page.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { get } from "../api.js";
import { t } from "../i18n.js";
import { problem } from "./problem.js";
import { scrollBox } from "./scroll.js";

const PAGE = 50;

/**
 * @param path API path of the list.
 * @param title Heading of the list.
 * @param columns Column headings; a heading with "#" marks a numeric column.
 * @param row Returns the cells of an item, with its name first.
 * @param empty Content of an empty list, with the first action to take.
 */
export async function pagedTable({ root, signal, path, title, columns, row, empty }) {
  const items = [];
  let cursor = null;
  let failed = null;

  const load = async () => {
    const page = await get(`${path}?limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal });
    items.push(...page.items);
    cursor = page.next_cursor;
  };
  const more = async () => {
    const first = items.length;
    try {
      failed = null;
      await load();
      announce(t("list.more shown", { count: items.length - first }));
    } catch (error) {
      if (error.name === "AbortError") return;
      failed = error;
    }
    show();
    if (!failed) root.querySelectorAll("tbody tr")[first]?.querySelector("a")?.focus();
  };
  const show = () =>
    render(
      html`<h1>${title}</h1>
        ${items.length ? scrollBox(title, table(title, columns, items.map(row))) : empty}
        ${failed ? problem(failed) : nothing}
        ${cursor ? html`<p class="actions"><button type="button" @click=${more}>${t("list.more")}</button></p>` : nothing}`,
      root,
    );

  await load();
  show();
}

/** The roles are explicit, because the layout for phones (stacked cells) would remove the implicit ones. */
function table(title, columns, rows) {
  const kinds = columns.map((name) => (name.startsWith("#") ? "number" : ""));
  const names = columns.map((name) => name.replace("#", ""));
  return html`<table class="list" role="table">
    <caption class="visually-hidden">${title}</caption>
    <thead role="rowgroup"><tr role="row">${names.map((name, place) => html`<th scope="col" role="columnheader" class=${kinds[place]}>${name}</th>`)}</tr></thead>
    <tbody role="rowgroup">${rows.map(([first, ...others]) => html`<tr role="row">
      <th scope="row" role="rowheader">${first}</th>
      ${others.map((cell, place) => html`<td role="cell" class=${kinds[place + 1]} data-name=${names[place + 1]}>${cell}</td>`)}
    </tr>`)}</tbody>
  </table>`;
}
