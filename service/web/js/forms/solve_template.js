// The fields of the form for differential equations, with examples, printed lines and errors by line.

import { html, nothing } from "../../vendor/lit-html.js";
import { read } from "../equations/body.js";
import { GALLERY } from "../equations/gallery.js";
import { language, t, translate } from "../i18n.js";
import { labelledField } from "../parts/labelled.js";
import { problem } from "../parts/problem.js";
import { recipes } from "../parts/code_recipes.js";

const EXCERPT_CHARACTERS = 40; // characters shown on both sides of an error

export function solveTemplate({ values, isOpen, mistakes, failed, isSending, tables, printed }, { change, fill, start, submit, toggle }) {
  const { body, lines } = read(values);
  const field = (name, control, words = t(`solve.${name}`), hint = t(`solve.${name}.hint`)) => solveField({ name, control, words, hint, mistakes, values, change });
  return html`<details class="card solve" ?open=${isOpen} @toggle=${toggle}>
    <summary>${t("solve.title")}</summary>
    <p class="hint">${t("solve.about")} <a href="guide/equations?lang=${language}">${t("solve.language")}</a></p>
    <div class="gallery" role="group" aria-label=${t("solve.gallery")}>
      <span class="hint" aria-hidden="true">${t("solve.gallery")}</span>
      ${Object.keys(GALLERY).map((name) => html`<button type="button" class="small" @click=${() => start(name)}>${t(`solve.gallery.${name}`)}</button>`)}
    </div>
    <form @submit=${submit} novalidate>
      <div class="solve-fields">
        ${field("variables", area(2))} ${field("unknowns", oneLine)}
        ${["equations", "conditions"].map((name) => html`<div>${field(name, area(4))} ${printedLines(name, lines[name], !mistakes[name] && printed?.[name])}</div>`)}
      </div>
      <details>
        <summary>${t("solve.more")}</summary>
        <div class="solve-fields">
          ${field("parameters", area(2))}
          ${field("measurements", choice([["", t("solve.measurements.none")], ...tables.map(({ id, name }) => [id, name])]))}
          ${field("hidden", oneLine, t("set.hidden"))}
          ${field("name", oneLine, t("set.name"), t("set.name.hint"))}
        </div>
      </details>
      ${failed ? problem(failed) : nothing}
      <p class="actions">
        <button class="primary big" aria-disabled=${isSending ? "true" : "false"}>${t("solve.solve")}</button>
        <button type="button" @click=${fill}>${t("solve.example")}</button>
      </p>
    </form>
    <details>
      <summary>${t("dataset.code")}</summary>
      <p class="hint">${t("dataset.code about")}</p>
      ${recipes(body)}
    </details>
  </details>`;
}

function solveField({ name, control, words, hint, mistakes, values, change }) {
  const id = `solve-${name}`;
  const given = {
    id,
    value: values[name],
    isWrong: mistakes[name] ? "true" : "false",
    about: `${id}-hint ${id}-wrong`,
    set: (event) => change({ [name]: event.target.value }),
  };
  return labelledField(id, words, hint, () => html`${control(given)}<span class="wrong" id="${id}-wrong">${(mistakes[name] ?? []).map(mistake)}</span>`);
}

const area = (rows) => ({ id, value, isWrong, about, set }) =>
  html`<textarea id=${id} rows=${rows} spellcheck="false" autocapitalize="off" autocomplete="off" .value=${value} aria-invalid=${isWrong} aria-describedby=${about} @input=${set}></textarea>`;

const oneLine = ({ id, value, isWrong, about, set }) =>
  html`<input id=${id} spellcheck="false" autocapitalize="off" autocomplete="off" .value=${value} aria-invalid=${isWrong} aria-describedby=${about} @input=${set} />`;

const choice = (options) => ({ id, value, isWrong, about, set }) =>
  html`<select id=${id} aria-invalid=${isWrong} aria-describedby=${about} @change=${set}>
    ${options.map(([one, words]) => html`<option value=${one} .selected=${one === value}>${words}</option>`)}
  </select>`;

/** The lines of a field as they are printed; a wrong line has its error, marked at the character. */
function printedLines(name, lines, printed) {
  const read = lines.filter(({ told }) => told);
  const isTyped = printed && printed.length === read.length;
  return html`<div class="printed scroll" tabindex="0" role="region" aria-label=${t(`solve.printed ${name}`)}>
    ${isTyped ? printed.map((line, at) => (line.math ? html`<p>${line.math} <span class="hint">${line.place}</span></p>` : mistake({ line: read[at], character: line.character, words: translate(line.detail) || line.detail }))) : nothing}
  </div>`;
}

/** An error with its line and, if known, the character in the line. */
function mistake({ line, character, words }) {
  return html`<span class="mistake">${line ? html`<strong>${t("solve.line", { line: line.number })}</strong> ` : nothing}${words}${line && character ? excerpt([...line.text], character - 1) : nothing}</span>`;
}

function excerpt(text, place) {
  const [from, to] = [Math.max(0, place - EXCERPT_CHARACTERS), place + EXCERPT_CHARACTERS];
  return html`<code class="excerpt">${from ? "…" : nothing}${text.slice(from, place).join("")}<mark>${text[place] ?? "\u00a0"}</mark>${text.slice(place + 1, to).join("")}${to < text.length ? "…" : nothing}</code>`;
}
