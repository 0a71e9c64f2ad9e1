// A list that is loaded page by page.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { get } from "../api.js";
import { t } from "../i18n.js";
import { keepFocus } from "./focus.js";
import { filterBar, readWanted } from "./list_filters.js";
import { problem } from "./problem.js";
import { scrollBox } from "./scroll.js";

const PAGE = 50;

/**
 * @param query Query of the address: which part of the list is wanted.
 * @param path API path of the list, and address of the view.
 * @param title Heading of the list.
 * @param columns Column headings; a heading with "#" marks a numeric column.
 * @param row Returns the cells of an item, with its name first.
 * @param empty Content of an empty list, with the first action to take.
 * @param filters, sorts As of `readWanted`.
 */
export async function pagedTable({ root, signal, query, path, title, columns, row, empty, filters = [], sorts = ["newest", "oldest"] }) {
  const wanted = readWanted(query, filters, sorts);
  let items = [];
  let cursor = null;
  let failed = null;
  let latest = 0;

  const load = async (after) => {
    const mine = ++latest;
    const asked = new URLSearchParams({ limit: PAGE, ...(after && { cursor: after }) });
    for (const [name, value] of wanted) asked.append(name, value);
    const page = await get(`${path}?${asked}`, { signal });
    if (mine !== latest) return false; // another part is wanted by now
    items = after ? [...items, ...page.items] : page.items;
    cursor = page.next_cursor;
    return true;
  };
  const reload = async (after, told) => {
    try {
      failed = null;
      if (!(await load(after))) return;
      announce(told());
    } catch (error) {
      if (error.name === "AbortError") return;
      failed = error;
    }
    keepFocus(root, show);
  };
  const more = async () => {
    const first = items.length;
    await reload(cursor, () => t("list.more shown", { count: items.length - first }));
    if (!failed) root.querySelectorAll("tbody tr")[first]?.querySelector("a")?.focus();
  };
  const change = () => {
    const text = wanted.toString();
    history.replaceState(null, "", `#/${path}${text && `?${text}`}`);
    return reload(null, () => countWords(items, cursor));
  };
  const clear = async () => {
    for (const name of [...wanted.keys()]) wanted.delete(name);
    await change();
    root.querySelector("#list-search")?.focus();
  };
  const show = () => {
    const isFiltered = [...wanted.keys()].some((name) => name !== "sort");
    render(
      html`<h1>${title}</h1>
        ${items.length || isFiltered || filters.some(({ options }) => !options) ? filterBar({ wanted, filters, sorts, change }) : nothing}
        ${items.length || isFiltered ? html`<p class="hint list-count">${countWords(items, cursor)}</p>` : nothing}
        ${items.length ? scrollBox(title, table(title, columns, items.map(row))) : isFiltered ? nothingFound(clear) : empty}
        ${failed ? problem(failed) : nothing}
        ${cursor ? html`<p class="actions"><button type="button" @click=${more}>${t("list.more")}</button></p>` : nothing}`,
      root,
    );
  };

  await load();
  show();
}

function countWords(items, cursor) {
  return t(cursor ? "list.count more" : "list.count", { count: items.length });
}

function nothingFound(clear) {
  return html`<p>${t("list.nothing")}</p>
    <p class="actions"><button type="button" @click=${clear}>${t("list.clear")}</button></p>`;
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
