// A job: its progress, its error over time, and its result.

import { html, nothing, render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { attempt, get, send } from "../api.js";
import { eventsOf } from "../events.js";
import { go } from "../navigate.js";
import { count, loadCodes, seconds, t, time } from "../i18n.js";
import { showChart } from "../charts/chart.js";
import { errorChart } from "../charts/error_curve.js";
import { keepFocus } from "../parts/focus.js";
import { history, stageWords } from "../charts/history.js";
import { jobEnd } from "../job/job_end.js";
import { previewPanel } from "../job/preview.js";
import { doing } from "../job/progress_words.js";
import { tracePanel } from "../job/trace.js";
import { jobTitle, status, statusKey } from "../parts/summaries.js";
import { timeLeft } from "../job/time_left.js";
import { problem } from "../parts/problem.js";
import { resultOf } from "../charts/study.js";

const TICK_MS = 1000;
const ESTIMATE_MS = 5000; // between two requests for the time left
const KINDS_WITH_ERROR = ["train", "symbolic"]; // kinds of jobs that report an error

export default async function view({ root, params, query, signal }) {
  const path = `jobs/${encodeURIComponent(params.id)}`;
  const getJob = async () => {
    const found = await get(path, { signal });
    if (found.error) await loadCodes();
    return found;
  };
  const getTrace = () => get(`${path}/trace`, { signal });
  const [job, trace] = await Promise.all([getJob(), getTrace()]); // the trace of a job that has not ended is empty
  const isNew = query.has("new");
  if (isNew) window.history.replaceState(null, "", `#/jobs/${params.id}`); // so that going back does not open the model again
  const chart = document.createElement("div");
  const showErrors = errorChart(chart);
  let state = { job, trace, events: [], failed: null, isLost: false, study: null, chart, estimatedAt: Date.now() };
  const set = (changes) => {
    state = { ...state, ...changes };
    keepFocus(root, () => render(page(state, { cancel, retry }), root));
    const measured = points(state.events);
    if (chart.isConnected && measured.length) showErrors(measured);
  };

  async function cancel(keep) {
    try {
      const asked = await send("POST", `${path}/cancel${keep ? "?keep=best" : ""}`);
      announce(t("job.cancelling"));
      set({ job: { ...state.job, cancel_requested_at: asked.cancel_requested_at, status: asked.status }, failed: null });
    } catch (error) {
      set({ failed: error });
    }
  }

  async function retry() {
    try {
      const again = await send("POST", `${path}/retry`);
      go(`/jobs/${again.id}?new`);
    } catch (error) {
      set({ failed: error });
    }
  }

  async function follow() {
    const wasRunning = isNew || !job.finished_at;
    for await (const event of eventsOf(params.id, signal, setConnected)) take(event);
    const [ended, trace] = await Promise.all([getJob(), getTrace()]);
    set({ job: ended, trace });
    if (ended.kind === "study" && ended.status === "succeeded") await showStudy();
    if (!wasRunning || signal.aborted) return;
    announce(t(`job.ended.${statusKey(ended)}`));
    if (ended.model_id) go(`/models/${ended.model_id}`);
  }

  async function showStudy() {
    const { view, charts } = await resultOf(state.job, signal);
    set({ study: view });
    root.querySelectorAll(".study-chart").forEach((host, at) => showChart(host, charts[at]));
  }

  function setConnected(isConnected) {
    if (state.isLost === isConnected) set({ isLost: !isConnected });
  }

  /** Events do not carry the range of the time left. */
  async function updateEstimate() {
    if (state.job.finished_at || document.hidden) return;
    const { body } = await attempt(get(path, { signal })).catch(() => ({})); // the events say when the service is lost
    if (body && !state.job.finished_at) set({ job: { ...state.job, progress: { ...state.job.progress, eta_range: body.progress.eta_range } }, estimatedAt: Date.now() });
  }

  function take(event) {
    const before = state.job.progress.stage;
    set({ job: applyEvent(state.job, event), events: [...state.events, event] });
    const { stage } = state.job.progress;
    if (stage && stage !== before && !state.job.finished_at) announce(stageWords(stage));
  }

  set({});
  const tick = () => state.job.finished_at || set({});
  const timers = [setInterval(tick, TICK_MS), setInterval(updateEstimate, ESTIMATE_MS)];
  signal.addEventListener("abort", () => timers.forEach(clearInterval));
  follow().catch((error) => error.name === "AbortError" || signal.aborted || set({ failed: error }));
}

/** Applies an event to a job. The final state is requested separately, because events are incomplete. */
function applyEvent(job, { kind: what, data, created_at }) {
  if (job.finished_at) return job;
  if (what === "progress") return { ...job, progress: { ...job.progress, ...data } };
  if (what === "preview") return { ...job, preview: data };
  const started_at = data.status === "running" ? (job.started_at ?? created_at) : job.started_at;
  return data.status === "succeeded" ? job : { ...job, status: data.status, started_at };
}

function page({ job, trace, events, failed, isLost, study, chart, estimatedAt }, { cancel, retry }) {
  const hasEnded = !!job.finished_at;
  return html`<h1>${jobTitle(job)}</h1>
    <p class="job-facts">${status(job)} <span class=${isLost ? "lost" : "quiet"} role="status">${isLost ? t("job.lost") : when(job)}</span>
      ${job.parent_id ? html`<a href="#/jobs/${job.parent_id}">${t("job.part")}</a>` : nothing}</p>
    ${failed ? problem(failed) : nothing}
    ${hasEnded ? jobEnd(job, study, retry) : runningPanel(job, estimatedAt, cancel)}
    ${previewPanel(job)}
    ${KINDS_WITH_ERROR.includes(job.kind) && (!hasEnded || points(events).length) ? html`<section class="curve" aria-label=${t("job.curve")}>${chart}${points(events).length ? nothing : html`<p class="hint">${t("job.curve none")}</p>`}</section>` : nothing}
    ${tracePanel(trace)}
    ${history(events)}`;
}

function when(job) {
  const submitted = time(job.created_at);
  if (!job.finished_at || !job.started_at) return t("job.since", { when: submitted });
  return t("job.took", { when: submitted, time: seconds(elapsed(job)) });
}

function runningPanel(job, estimatedAt, cancel) {
  const { fraction } = job.progress;
  const words = job.status === "queued" ? waiting(job.queue) : stageWords(stageOf(job));
  return html`<section class="card job-now" aria-label=${t("job.now")}>
    <p class="job-stage">${words}</p>
    <p class="job-doing">${doing(job.progress)}</p>
    <progress max="1" .value=${fraction} aria-label=${t("job.progress")}></progress>
    <dl class="job-numbers">
      <div><dt>${t("job.done")}</dt><dd>${count(Math.round(100 * fraction))} %</dd></div>
      <div><dt>${t("job.elapsed")}</dt><dd>${job.started_at ? seconds(elapsed(job)) : "–"}</dd></div>
      <div><dt>${t("job.left")}</dt><dd>${timeLeft(job.progress, (Date.now() - estimatedAt) / 1000)}</dd></div>
    </dl>
    <div class="job-below">${job.cancel_requested_at ? html`<p class="hint">${t("job.cancelling")}</p>` : stopButtons(job, cancel)}</div>
  </section>`;
}

function waiting(place) {
  return place ? t(`job.waits.${place.reason}`, { earlier: count(place.position - 1) }) : t("job.waits");
}

/** The stage of a job. Studies have no stages, because they wait for their trainings. */
function stageOf({ kind: what, progress }) {
  return what === "study" ? "study" : (progress.stage ?? "starting");
}

function stopButtons(job, cancel) {
  const canKeep = job.status === "running" && KINDS_WITH_ERROR.includes(job.kind);
  return html`<p class="actions">
    ${canKeep ? html`<button type="button" @click=${() => cancel(true)}>${t("job.stop keep")}</button>` : nothing}
    <button type="button" class="danger" @click=${() => cancel(false)}>${t("job.stop")}</button>
  </p>`;
}

function elapsed(job) {
  if (!job.started_at) return 0;
  return Math.max(0, ((job.finished_at ? Date.parse(job.finished_at) : Date.now()) - Date.parse(job.started_at)) / 1000);
}

/**
 * Errors over time in the last attempt: every network that was tried, with its `trial`, and the errors between. A job that lost its
 * worker starts again; one that waited for others goes on.
 */
function points(events) {
  const { attempt } = events.findLast((event) => event.data.attempt)?.data ?? {};
  const start = events.findIndex((event) => event.data.attempt && event.data.attempt === attempt);
  if (start < 0) return [];
  const began = Date.parse(events[start].created_at);
  const found = events.slice(start).flatMap(({ created_at, data: { error, message, trials } }) => {
    const at = (Date.parse(created_at) - began) / 1000;
    return trials?.map((trial) => ({ at: Math.max(0, at - trial.age_seconds), error: trial.error, trial })) ?? [{ at, error, message }];
  });
  return found.filter(({ error }) => error > 0).sort((one, other) => one.at - other.at);
}
