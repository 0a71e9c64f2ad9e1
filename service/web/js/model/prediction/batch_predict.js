// Prediction of a file: it is uploaded as a dataset, and a job writes a file with the predictions.

import { html, nothing, render } from "../../../vendor/lit-html.js";
import { upload } from "../../api.js";
import { announce } from "../../screen_reader.js";
import { go } from "../../navigate.js";
import { number, t } from "../../i18n.js";
import { labelledField } from "../../parts/labelled.js";
import { problem } from "../../parts/problem.js";
import { createPoster } from "./interval.js";
import { automatic, memberField, memberRequest } from "../members.js";

const ACCEPTED = ".csv,.tsv,.jsonl,.ndjson,.parquet,.gz";

export function predictFile(root, page) {
  const state = { share: null, error: null, by: automatic(page.model) };
  const answeredBy = (by) => { state.by = by; };
  const show = () => render(content(page, state, { start, answeredBy }), root);
  const start = async (event) => {
    event.preventDefault();
    const file = event.target.elements.file.files[0];
    const format = new FormData(event.target).get("format");
    if (!file) return;
    Object.assign(state, { share: 0, error: null });
    show();
    try {
      const onProgress = (share) => { state.share = share; show(); };
      const dataset = await upload(file, { onProgress, signal: page.signal });
      const job = await createPoster(page.model)("jobs", { kind: "predict", model: page.model.id, dataset_id: dataset.id, format, ...memberRequest(page.model, state.by) }, { signal: page.signal });
      announce(t("model.submitted"));
      go(`/jobs/${job.id}`);
    } catch (error) {
      if (error.name === "AbortError" || page.signal.aborted) return;
      Object.assign(state, { share: null, error });
      show();
    }
  };
  show();
}

function content(page, { share, error, by }, { start, answeredBy }) {
  const { model } = page;
  const isBusy = share !== null;
  return html`<h3>${t("model.file.title")}</h3>
    <p>${t("model.file.about", { columns: model.features.map((feature) => feature.name).slice(0, 12).join(", ") })}</p>
    <form class="file-form" @submit=${start}>
      ${labelledField("file-table", t("model.file.file"), "", (id) =>
        html`<input id=${id} type="file" name="file" required ?disabled=${isBusy} accept=${ACCEPTED} />`)}
      ${labelledField("file-format", t("model.file.format"), "", (id) =>
        html`<select id=${id} name="format" ?disabled=${isBusy}>
          <option value="csv">CSV</option>
          <option value="parquet">Parquet</option>
        </select>`)}
      ${memberField("file-by", page, by, answeredBy)}
      <p class="actions"><button ?disabled=${isBusy}>${t("model.file.predict")}</button></p>
      ${isBusy
        ? html`<progress max="1" .value=${share} aria-label=${t("model.file.uploading")}></progress>
            <p class="hint">${t("model.percent", { value: number(100 * share, 3) })}</p>`
        : nothing}
      ${error ? problem(error) : nothing}
    </form>`;
}
