// How probable a formula is, its rivals, and which rows would tell them apart.

import { html, nothing } from "../../../vendor/lit-html.js";
import { number, t } from "../../i18n.js";
import { readable } from "../../math/measured.js";
import { table } from "../../parts/table.js";
import { unitOf, withUnit } from "../labels.js";
import { nextRows } from "./next_rows.js";

const percent = (share) => `${number(100 * share, 2)} %`;

/** A sentence with the probability, and, folded, the other formulas that may be the law. */
export function rivalsNote(output, page) {
  const { rivals = [] } = output;
  return html`<p class="rivals-note">${sentence(output, page)}</p>
    <details class="more">
      <summary>${t("model.rivals.more")}</summary>
      ${rivals.length ? rivalsTable(output, page.model) : html`<p class="hint">${t("model.rivals.alone")}</p>`}
      ${nextRows(page)}
    </details>`;
}

function sentence({ name, probability, rivals = [] }, { model, formulas }) {
  const [rival] = rivals;
  const none = formulas.evidence?.none_of_these;
  return html`${t("model.rivals.probability", { share: percent(probability) })}
    ${rival ? html`${t("model.rivals.first", { share: percent(rival.probability) })} <code>${readable(rival.expression)}</code>${differs(rival, name, model)}.` : nothing}
    ${none === null || none === undefined ? nothing : t("model.rivals.none", { share: percent(none) })}`;
}

/** Where a rival differs most from the best formula, as the end of a sentence. */
function differs({ differs: told }, name, model) {
  if (!told) return nothing;
  const value = (size) => withUnit(number(size, 2), unitOf(model, name));
  if (told.column === null) return t("model.rivals.differ", { mean: value(told.mean) });
  const key = told.above === null ? "below" : "above";
  const end = withUnit(number(told[key], 3), unitOf(model, told.column));
  return t(`model.rivals.differ ${key}`, { column: told.column, end, there: value(told.there) });
}

function rivalsTable({ name, expression, probability, rivals }, model) {
  const head = ["probability", "formula", "differs"].map((column) => t(`model.rivals.${column} column`));
  const rows = [{ expression, probability }, ...rivals].map((entry) => [
    percent(entry.probability),
    html`<code class="long">${readable(entry.expression)}</code>`,
    entry.differs ? withUnit(number(entry.differs.mean, 2), unitOf(model, name)) : "",
  ]);
  return table(t("model.rivals.caption"), head, rows, { numbers: [0, 2], current: 0 });
}
