// Scatter plots of the columns of a dataset, and the sample of its rows that they show.

import { html, nothing } from "../../vendor/lit-html.js";
import { get } from "../api.js";
import { matrixColumns, scatterMatrix } from "../charts/scatter_matrix.js";
import { t } from "../i18n.js";

const SAMPLE = 1000; // rows
export const WIDE = 60; // columns from which fewer rows are fetched

/** Resolves to rows spread evenly over the table. */
export async function loadSample(dataset, path, rows, signal) {
  if (rows.length === dataset.rows) return rows;
  const limit = Math.ceil(SAMPLE * Math.min(1, WIDE / dataset.columns.length));
  return (await get(`${path}/sample?limit=${limit}`, { signal })).rows;
}

/** Drawn when it is opened, since it needs the chart library, and again when the sample has come. */
export function matrixSection(choice, rows) {
  if (matrixColumns(choice).length < 2 || rows.length < 3) return nothing;
  const draw = ({ target }) => {
    const host = target.querySelector(".matrix");
    if (!target.open || host.rows === rows) return;
    host.rows = rows;
    scatterMatrix(host, choice, rows);
  };
  return html`<details class="matrix-section" @toggle=${draw}>
    <summary>${t("dataset.matrix")}</summary>
    <div class="matrix"></div>
  </details>`;
}
