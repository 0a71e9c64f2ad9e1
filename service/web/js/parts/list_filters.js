// Search, filters and order of a list. They are kept in the address, so that going back and reloading keep them.

import { html, nothing } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";
import { labelledField } from "./labelled.js";

const TYPING_MS = 250; // pause after which a typed text is searched

/**
 * The wanted part of a list, from the query of the address. Values that a list does not know are left out.
 *
 * @param filters Selects { name, label, options: [[value, text]] } and boxes { name, label }.
 * @param sorts Names of orders, the usual one first.
 */
export function readWanted(query, filters, sorts) {
  const selects = [...filters, { name: "sort", options: sorts.map((name) => [name]) }];
  const known = selects.filter(({ name, options }) => (options ?? [["true"]]).some(([value]) => value === query.get(name)));
  const wanted = new URLSearchParams(known.map(({ name }) => [name, query.get(name)]));
  if (query.get("search")) wanted.set("search", query.get("search"));
  for (const tag of query.getAll("tag")) wanted.append("tag", tag);
  return wanted;
}

/** Tags of an item as links to the list with this tag alone. */
export function tagLinks(address, tags) {
  const all = Object.entries(tags ?? {}).map(([name, value]) => (value ? `${name}=${value}` : name));
  return all.map((tag) => html` <a class="tag" href="#/${address}?${new URLSearchParams({ tag })}">${tag}</a>`);
}

/** @param change Called with the wanted part when it has changed. */
export function filterBar({ wanted, filters, sorts, change }) {
  const set = (name, value) => {
    clearTimeout(typing);
    if (value) wanted.set(name, value);
    else wanted.delete(name);
    change(wanted);
  };
  const type = ({ target }) => {
    clearTimeout(typing);
    typing = setTimeout(() => set("search", target.value.trim()), TYPING_MS);
  };
  const submit = (event) => {
    event.preventDefault();
    set("search", event.target.elements["list-search"].value.trim());
  };
  const orders = { name: "sort", label: t("list.sort"), options: sorts.map((name) => [name, t(`list.sort.${name}`)]) };
  return html`<form class="filters" role="search" aria-label=${t("list.filters")} @submit=${submit}>
    ${labelledField("list-search", t("list.search"), "", (id) => html`<input id=${id} type="search" maxlength="200" autocomplete="off" .value=${wanted.get("search") ?? ""} @input=${type} />`)}
    ${filters.map((filter) => (filter.options ? select(filter, t("list.any"), wanted, set) : box(filter, wanted, set)))}
    ${select(orders, null, wanted, set)}
    ${wanted.has("tag") ? html`<p class="actions">${wanted.getAll("tag").map((tag) => dropButton(tag, wanted, change))}</p>` : nothing}
  </form>`;
}

let typing;

/** @param any Text of the choice without a filter; without it, the first option is the usual one. */
function select({ name, label, options }, any, wanted, set) {
  const usual = any === null ? options[0][0] : "";
  const all = any === null ? options : [["", any], ...options];
  const choose = ({ target }) => set(name, target.value === usual ? "" : target.value);
  const chosen = wanted.get(name) ?? usual;
  return labelledField(`list-${name}`, label, "", (id) => html`<select id=${id} @change=${choose}>
    ${all.map(([value, text]) => html`<option value=${value} .selected=${value === chosen}>${text}</option>`)}
  </select>`);
}

function box({ name, label }, wanted, set) {
  return html`<label class="list-box"><input type="checkbox" .checked=${wanted.has(name)} @change=${({ target }) => set(name, target.checked && "true")} /> ${label}</label>`;
}

function dropButton(tag, wanted, change) {
  const drop = () => {
    const others = wanted.getAll("tag").filter((other) => other !== tag);
    wanted.delete("tag");
    for (const other of others) wanted.append("tag", other);
    change(wanted);
  };
  return html`<button type="button" class="small" aria-label=${t("list.drop tag", { tag })} @click=${drop}>${tag} ✕</button>`;
}
