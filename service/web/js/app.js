// The page: routes addresses to views, and handles the navigation and the key dialog.

import { html, render } from "../vendor/lit-html.js";
import { attempt, key, send } from "./api.js";
import { loadFormWords, loadWords, t } from "./i18n.js";
import { problem } from "./parts/problem.js";

// Patterns of the address after `#`, and modules whose default export is view({ root, params, query, signal }).
const VIEWS = [
  [/^\/$/, "start"],
  [/^\/datasets$/, "datasets"],
  [/^\/datasets\/(?<id>[^/]+)$/, "dataset"],
  [/^\/jobs$/, "jobs"],
  [/^\/jobs\/(?<id>[^/]+)$/, "job"],
  [/^\/models$/, "models"],
  [/^\/models\/(?<id>[^/]+)$/, "model"],
];

const TICKET = "#ticket=";

const main = document.getElementById("main");
let leaving = new AbortController();
let isFirst = true;

async function show() {
  if (location.hash === "#main") return; // the skip link
  if (location.hash.startsWith(TICKET)) await openSession(location.hash.slice(TICKET.length));
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, search = ""] = (location.hash.slice(1) || "/").split("?");
  const [pattern, name] = VIEWS.find(([known]) => known.test(path)) || [null, "not_found"];
  const root = document.createElement("div");
  root.className = `view view-${name}`;
  markCurrentLink(path);
  try {
    const [{ default: view }] = await Promise.all([import(`./views/${name}.js`), name === "model" || loadFormWords()]);
    const params = pattern ? decodeParams(path.match(pattern).groups || {}) : {};
    await view({ root, params, query: new URLSearchParams(search), signal });
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    render(html`<h1>${t("went wrong")}</h1>${problem(error)}<p><a href="#/">${t("to the start")}</a></p>`, root);
  }
  if (signal.aborted) return;
  main.replaceChildren(root);
  const heading = root.querySelector("h1");
  document.title = heading && name !== "start" ? `${heading.textContent.trim()} · ${t("title")}` : t("title");
  if (!isFirst) focusHeading(heading);
  isFirst = false;
}

function decodeParams(groups) {
  return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
}

function focusHeading(heading) {
  scrollTo(0, 0);
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

function markCurrentLink(path) {
  for (const link of document.querySelectorAll("header nav a")) {
    const isHere = path.startsWith(link.getAttribute("href").slice(1)) && link.getAttribute("href").startsWith("#");
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Exchanges the ticket of a link for a key. The address keeps neither. */
async function openSession(ticket) {
  history.replaceState(null, "", location.pathname + location.search);
  const { body } = await attempt(send("POST", "session", { ticket }));
  if (body) key.set(body.key);
}

function askForKey() {
  const dialog = document.createElement("dialog");
  const save = (event) => {
    event.preventDefault();
    key.set(new FormData(event.target).get("key").trim());
    dialog.close();
    show();
  };
  render(
    html`<form @submit=${save}>
      <h2>${t("key wanted")}</h2>
      <p>${t("key about")}</p>
      <label>${t("key")} <input name="key" type="password" autocomplete="off" required /></label>
      <p class="actions"><button class="primary">${t("go on")}</button></p>
    </form>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

/** Changes the language in the same view. The address is tidy again once the cookie keeps the choice. */
function prepareLanguage() {
  const link = document.querySelector(".language");
  link.addEventListener("click", () => (link.hash = location.hash));
  if (location.search && document.cookie.includes(`kan_language=${document.documentElement.lang}`)) {
    history.replaceState(null, "", location.pathname + location.hash);
  }
}

addEventListener("hashchange", show);
// Leaving a view ends its requests, which is no error.
addEventListener("unhandledrejection", (event) => event.reason?.name === "AbortError" && event.preventDefault());
addEventListener("key-wanted", () => document.querySelector("dialog[open]") || askForKey());
prepareLanguage();
await loadWords();
show();
