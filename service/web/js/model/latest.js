// Requests of which only the latest counts: those that follow a slider.

import { attempt } from "../api.js";

/**
 * Returns a function that starts `ask` after a pause in milliseconds since its last call, and aborts what it asked before.
 *
 * @param signal Of the view; leaving it aborts, too.
 * @param ask Called with `options` for its requests. It resolves to their result.
 * @param show Called with {body} or {problem}, unless the requests were aborted.
 */
export function latest(signal, ask, show) {
  let [timer, asked] = [0, new AbortController()];
  const start = async () => {
    asked.abort();
    asked = new AbortController();
    const told = await attempt(ask({ signal: AbortSignal.any([signal, asked.signal]) })).catch(() => null);
    if (told) show(told);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  return (pause = 0) => {
    clearTimeout(timer);
    timer = setTimeout(start, pause);
  };
}
