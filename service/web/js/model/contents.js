// The table of contents of a model. Its links keep the address of the view and add the section.

import { html } from "../../vendor/lit-html.js";
import { t } from "../i18n.js";

export function contents(names, model) {
  const click = (event) => {
    event.preventDefault();
    const { name } = event.currentTarget.dataset;
    history.replaceState(null, "", event.currentTarget.href);
    goTo(name);
  };
  const link = (name) =>
    html`<li><a href="#/models/${encodeURIComponent(model.id)}?section=${name}" data-name=${name} @click=${click}
      >${t(`model.section.${name}`)}</a></li>`;
  return html`<nav class="contents" aria-label=${t("model.contents")}><ul>${names.map(link)}</ul></nav>`;
}

export function goTo(name) {
  const heading = document.getElementById(`heading-${name}`);
  heading?.scrollIntoView();
  heading?.focus({ preventScroll: true });
}

/** Marks the link of the section that is being read. */
export function follow(root, signal) {
  const links = new Map([...root.querySelectorAll(".contents a")].map((link) => [`section-${link.dataset.name}`, link]));
  const seen = new Set();
  const mark = () => {
    const first = [...links.keys()].find((id) => seen.has(id));
    for (const [id, link] of links) {
      if (id === first) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) seen[isIntersecting ? "add" : "delete"](target.id);
      mark();
    },
    { rootMargin: "-20% 0px -60% 0px" },
  );
  for (const section of root.querySelectorAll(".sections > section")) watcher.observe(section);
  signal.addEventListener("abort", () => watcher.disconnect());
}
