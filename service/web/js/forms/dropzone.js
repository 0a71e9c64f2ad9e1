// Upload of a table: dropped, selected, or the example.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { upload } from "../api.js";
import { example } from "../sample_table.js";
import { count, t } from "../i18n.js";
import { keepFocus } from "../parts/focus.js";
import { problem } from "../parts/problem.js";

const TYPES = ".csv,.tsv,.txt,.json,.jsonl,.ndjson,.parquet,.gz";

/** An element that accepts a table dropped anywhere on the page, and a function that opens the file dialog. */
export function dropZone({ signal, onUploaded }) {
  const host = document.createElement("div");
  let state = { isOver: false, name: "", share: null, failed: null, stop: null };
  const set = (changes) => {
    state = { ...state, ...changes };
    keepFocus(host, () => render(template(state, { onFile: take, onExample: async () => take(await example()) }), host));
  };

  async function take(given) {
    if (!given || state.stop) return;
    const { file, units } = given instanceof File ? { file: given } : given;
    const stop = new AbortController();
    signal.addEventListener("abort", () => stop.abort(), { signal: stop.signal });
    set({ name: file.name, share: 0, failed: null, stop });
    announce(t("start.uploading", { name: file.name }));
    try {
      const dataset = await upload(file, { units, signal: stop.signal, onProgress: (share) => set({ share }) });
      announce(t("start.uploaded", { name: file.name }));
      onUploaded(dataset);
    } catch (error) {
      if (error.name !== "AbortError") set({ failed: error });
    } finally {
      set({ stop: null, share: null });
    }
  }

  listen(signal, { onOver: (isOver) => isOver !== state.isOver && set({ isOver }), onFile: take });
  set({});
  return { host, choose: () => host.querySelector("input").click() };
}

function template({ isOver, name, share, failed, stop }, { onFile, onExample }) {
  const choose = (event) => {
    onFile(event.target.files[0]);
    event.target.value = ""; // so that the same file can be selected again after a correction
  };
  return html`<section class="drop ${isOver ? "over" : ""}" aria-labelledby="drop-title">
    <h2 id="drop-title">${t("start.drop")}</h2>
    <p class="hint" id="drop-formats">${t("start.formats")}</p>
    <div class="actions">
      <input id="drop-file" class="visually-hidden" type="file" accept=${TYPES} aria-describedby="drop-formats" ?disabled=${!!stop} @change=${choose} />
      <label class="button primary" for="drop-file">${t("start.upload")}</label>
      <button type="button" ?disabled=${!!stop} @click=${onExample}>${t("start.example")}</button>
    </div>
    <div class="drop-below">
      ${stop ? progress(name, share, stop) : html`<p class="hint">${t("start.example about")}</p>`}
    </div>
    ${failed ? problem(failed) : nothing}
  </section>`;
}

function progress(name, share, stop) {
  const words = share < 1 ? t("start.sending", { name, percent: count(Math.floor(100 * share)) }) : t("start.reading", { name });
  return html`<label class="drop-progress">
      <span>${words}</span>
      <progress max="1" .value=${share}></progress>
    </label>
    <button class="small" type="button" @click=${() => stop.abort()}>${t("cancel")}</button>`;
}

/** Accepts drops on the whole page, because the browser would open a file dropped beside the box. */
function listen(signal, { onOver, onFile }) {
  const hasFiles = (event) => [...event.dataTransfer.types].includes("Files");
  const over = (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    onOver(true);
  };
  const drop = (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    onOver(false);
    onFile(event.dataTransfer.files[0]);
  };
  document.addEventListener("dragover", over, { signal });
  document.addEventListener("dragleave", (event) => event.relatedTarget || onOver(false), { signal });
  document.addEventListener("drop", drop, { signal });
}
