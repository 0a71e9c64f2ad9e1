// A model: its solution or formula, network, quality, predictions, exports and lineage.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { get } from "../api.js";
import { count, t, time } from "../i18n.js";
import { collect } from "../model/load.js";
import { contents, follow, goTo } from "../model/contents.js";
import { effectsSection, hasEffects } from "../model/figures/section.js";
import { formulaSection } from "../model/formula.js";
import { frontSection } from "../model/front/section.js";
import { automatic } from "../model/members.js";
import { network } from "../model/network.js";
import { more, tabNames } from "../model/more.js";
import { quality } from "../model/quality.js";
import { plainModelNote } from "../model/plain_model.js";
import { tryOut } from "../model/prediction/form.js";

// Sections in the order of the page. Each renders into its own element.
const SECTIONS = {
  solution: (root, page) => page.solution.show(root, page),
  formula: formulaSection,
  fit: (root, page) => (page.charts.densitySection ?? page.charts.fitSection)(root, page),
  simpler: frontSection,
  network,
  effects: effectsSection,
  quality,
  try: tryOut,
  more,
};

const CONTENTS_REM = 13.75; // width of the contents with their gap, as in model.css

export default async function view({ root, params, query, signal }) {
  const model = await get(`models/${encodeURIComponent(params.id)}`, { signal });
  const page = { model, signal, ...(await collect(model, signal, sectionWidth())), row: observable(null), truths: new WeakMap(), by: observable(automatic(model)) };
  const hasFit = page.charts.fitSection || page.measured?.density;
  const isHidden = { solution: page.solution === null, simpler: !page.formulas, fit: !hasFit, effects: !hasEffects(page) };
  const names = Object.keys(SECTIONS).filter((name) => !isHidden[name]);
  render(frame(page, names), root);
  for (const name of names) {
    const place = root.querySelector(`#section-${name}`);
    SECTIONS[name](place.querySelector(".content"), page);
  }
  follow(root, signal);
  const section = query.get("section");
  if (tabNames.includes(section)) root.querySelector(`#tab-${section}`)?.click();
  const place = tabNames.includes(section) ? "more" : section;
  if (names.includes(place)) requestAnimationFrame(() => goTo(place));
}

/** The width that the sections will have, which are not in the document yet: beside their contents on a wide window. */
function sectionWidth() {
  const main = document.getElementById("main");
  const { fontSize, paddingLeft, paddingRight } = getComputedStyle(main);
  const contents = matchMedia("(min-width: 62rem)").matches ? CONTENTS_REM * parseFloat(fontSize) : 0;
  return main.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - contents;
}

function frame(page, names) {
  return html`${head(page)}
    <div class="model">
      ${contents(names, page.model)}
      <div class="sections">
        ${names.map(
          (name) => html`<section id="section-${name}" aria-labelledby="heading-${name}">
            <h2 id="heading-${name}" tabindex="-1">${t(`model.section.${name}`)}</h2>
            <div class="content"></div>
          </section>`,
        )}
      </div>
    </div>`;
}

function head({ model, formulas }) {
  const from = model.dataset ? t("model.of rows", { name: model.dataset.name, rows: count(model.dataset.rows) }) : "";
  return html`<h1>${model.name} <span class="quiet version">${t("model.version", { version: model.version })}</span></h1>
    <p class="lead about-line">
      ${t(`model.predicts.${model.task}`, { target: model.target })}
      ${from ? html`<span aria-hidden="true">·</span> ${from}` : nothing}
      <span aria-hidden="true">·</span> <time datetime=${model.created_at}>${time(model.created_at)}</time>
      ${model.aliases.map((alias) => html`<span class="chip">@${alias}</span>`)}
    </p>
    ${model.preview_of ? html`<div class="note"><p>${t("model.preview")} <a href="#/jobs/${model.preview_of}">${t("model.preview job")}</a></p></div>` : nothing}
    ${plainModelNote(model, formulas)}`;
}

/** An observable value. */
function observable(value) {
  const listeners = [];
  return {
    get: () => value,
    set(next) {
      value = next;
      listeners.forEach((listen) => listen(value));
    },
    listen: (listener) => listeners.push(listener),
  };
}
