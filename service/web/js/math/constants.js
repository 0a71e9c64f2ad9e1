// The constants of a formula below it. Who points at one, or focuses it, sees it marked in the formula.

import { html, nothing } from "../../vendor/lit-html.js";
import { named, number, t } from "../i18n.js";
import { table } from "../parts/table.js";
import { measured, unitText } from "./measured.js";

/** @param formulas All of the model: whether they are exact, and the form of the request, if there is one. */
export function constantsList({ constants = [], undetermined = [], exact_units: others = [] }, { form, exact: isExact }) {
  if (form?.groups || (!constants.length && !others.length)) return nothing; // a form shows those of its groups in a table
  const title = t(constants.length ? "model.constants.list" : "model.constants.with unit");
  const unknown = new Set(undetermined.flat());
  const mark = (place, isOn) => (event) => find(event.currentTarget, constants)[place]?.classList.toggle("marked", isOn);
  return html`<p class="hint">${title}</p>
    <ul class="constants" aria-label=${title}>
      ${constants.map(
        (constant, place) => html`<li tabindex="0" @pointerenter=${mark(place, true)} @focus=${mark(place, true)}
          @pointerleave=${mark(place, false)} @blur=${mark(place, false)}>${describe(constant, form)}${unknown.has(place) ? undeterminedNote() : nothing}</li>`,
      )}
      ${others.map(([value, unit]) => html`<li>${number(value, 6)} ${unitText(unit)} <span class="quiet">${t(`model.constants.${isExact ? "exact" : "rounded"}`)}</span></li>`)}
    </ul>`;
}

const undeterminedNote = () => html` <span class="quiet">${t("model.constants.undetermined")}</span>`;

function describe({ value, standard_error: error, unit, name, symbol }, form) {
  const letter = symbol ?? form?.constants.find((known) => known.value === value)?.name;
  return html`${letter ? html`<i>${letter}</i> = ` : nothing}${measured(value, error)}${unit ? `\u00a0${unitText(unit)}` : nothing}
    ${name ? naturalConstant(name) : nothing}`;
}

/** The number of each constant in the formula above. They may be printed in another order. */
function find(item, constants) {
  const numbers = [...item.closest(".output").querySelectorAll(".terms mn")];
  return constants.map(({ value }) => {
    const place = numbers.findIndex((node) => Number(node.dataset.value + exponent(node)) === Math.abs(value));
    return place < 0 ? null : numbers.splice(place, 1)[0];
  });
}

/** As "e-7" of the first number of 1.5·10⁻⁷. */
function exponent(node) {
  const times = node.nextElementSibling;
  const [base, raised] = (times?.textContent === "·" && times.nextElementSibling?.children) || [];
  return base?.textContent === "10" ? `e${raised.textContent.replace("−", "-")}` : "";
}

/** The fitted constants as a table, folded. */
export function constantsTable({ constants: fitted }) {
  if (!fitted?.length) return nothing;
  const known = { unit: fitted.some(({ unit }) => unit), name: fitted.some(({ name }) => name) };
  const columns = ["value", "error", "relative", "unit", "name"].filter((column) => known[column] ?? true);
  const cells = {
    value: ({ value }) => number(value, 6),
    error: ({ standard_error: error }) => (error === null ? "–" : `± ${number(error, 2)}`),
    relative: ({ value, standard_error: error }) =>
      value && error !== null ? t("model.percent", { value: number((100 * error) / Math.abs(value), 2) }) : "–",
    unit: ({ unit }) => (unit ? unit : unit === "" ? t("model.constants.no unit") : "–"),
    name: ({ name }) => (name ? naturalConstant(name) : ""),
  };
  const title = t("model.constants.title", { count: fitted.length });
  const head = columns.map((column) => t(`model.constants.${column}`));
  const rows = fitted.map((constant) => columns.map((column) => cells[column](constant)));
  return html`<details class="more">
    <summary>${title}</summary>
    ${table(title, head, rows, { numbers: [0, 1, 2] })}
    <p class="hint">${t("model.constants.about")}</p>
  </details>`;
}

/** The name of a constant of nature, as "speed of light c" or "c^2, of the speed of light c". */
function naturalConstant(told) {
  const [, power, name, symbol] = told.match(/^(?:(\S+), of the )?(.+) (\S+)$/) ?? [null, null, told, ""];
  return html`${named("model.nature", name)} <code>${power ?? symbol}</code>`;
}
