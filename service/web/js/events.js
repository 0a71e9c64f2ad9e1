// The events of a job in real time: as a stream, or by polling where a stream does not get through.
//
// EventSource cannot send a key, so fetch reads the stream. A new stream resumes after the last event.

import { get, request } from "./api.js";

const MAX_STREAM_FAILURES = 2; // failed streams in a row before polling
const PAUSE_MS = 1000;
const WAIT_S = 20;

/**
 * Yields all events from the first one until the job has ended, across lost connections.
 *
 * @param onConnection Called with whether the service responds.
 */
export async function* eventsOf(id, signal, onConnection = () => {}) {
  const path = `jobs/${encodeURIComponent(id)}`;
  let seen = 0;
  let failures = 0; // of streams in a row
  for (;;) {
    const source = failures < MAX_STREAM_FAILURES ? streamEvents : pollEvents;
    try {
      for await (const event of source(path, seen, signal)) {
        onConnection(true);
        if (event === null) return;
        if (source === streamEvents) failures = 0;
        seen = event.number;
        yield event;
      }
      failures += 1; // the stream ended without "done", or this is polling
    } catch (error) {
      if (signal.aborted || isRefused(error)) throw error;
      const isGone = error.code === "unreachable"; // an unreachable service says nothing about streams
      failures = isGone ? 0 : failures + 1;
      onConnection(!isGone);
    }
    await pause(PAUSE_MS, signal);
  }
}

/** Yields the events of one connection, and null after the last event of the job. */
async function* streamEvents(path, seen, signal) {
  const headers = { Accept: "text/event-stream", "Last-Event-ID": String(seen) };
  const answer = await request("GET", `${path}/events`, { headers, signal });
  if (answer.status === 204) {
    yield null;
    return;
  }
  for await (const { event, data } of messages(answer.body)) {
    if (event === "done") {
      yield null;
      return;
    }
    if (data) yield JSON.parse(data);
  }
}

/** Parses the part of https://html.spec.whatwg.org/multipage/server-sent-events.html that this service uses. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      buffer += value;
      const blocks = buffer.split(/\r?\n\r?\n/);
      buffer = blocks.pop();
      yield* blocks.map(fields);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function fields(block) {
  const found = {};
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = line.match(/^(\w+): ?(.*)$/) || [];
    if (name) found[name] = value;
  }
  return found;
}

/** Yields the new events after the job has ended or WAIT_S seconds have passed. */
async function* pollEvents(path, seen, signal) {
  const job = await get(`${path}?wait=${WAIT_S}`, { signal });
  let cursor = seen;
  do {
    const page = await get(`${path}/events?limit=200&cursor=${cursor}`, { signal });
    yield* page.items;
    cursor = page.next_cursor;
  } while (cursor);
  if (job.finished_at) yield null;
}

/** Whether a retry cannot succeed. */
const isRefused = (error) => error.status >= 400 && error.status < 500 && error.status !== 429;

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("left", "AbortError"));
    });
  });
}
