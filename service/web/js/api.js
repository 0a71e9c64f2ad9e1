// HTTP client of the service. Paths are relative, so that the prefix of a proxy is kept.

import { loadCodes } from "./i18n.js";

const KEY = "kan-service key";

class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code || "unknown";
    this.errors = body.errors || [];
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY) || "",
  set: (value) => (value ? sessionStorage.setItem(KEY, value) : sessionStorage.removeItem(KEY)),
};

export async function request(method, path, { body, headers = {}, signal } = {}) {
  const isJson = body !== undefined && !(body instanceof FormData);
  const own = isJson ? { "Content-Type": "application/json" } : {};
  if (key.get()) own.Authorization = `Bearer ${key.get()}`;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { ...own, ...headers },
      body: isJson ? JSON.stringify(body) : body,
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { code: "unreachable", detail: error.message });
  }
  if (!answer.ok) {
    const [told] = await Promise.all([answer.json().catch(() => ({})), loadCodes()]);
    if (answer.status === 401) dispatchEvent(new CustomEvent("key-wanted"));
    throw new Problem(answer.status, told);
  }
  return answer;
}

export async function get(path, options) {
  return (await request("GET", path, options)).json();
}

export async function text(path, options) {
  return (await request("GET", path, options)).text();
}

export async function send(method, path, body, options) {
  const answer = await request(method, path, { ...options, body });
  return answer.status === 204 ? null : answer.json();
}

/** Resolves to {body} or {problem} of a request. */
export async function attempt(asked) {
  try {
    return { body: await asked, problem: null };
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    return { body: null, problem };
  }
}

const uploaded = { id: "", file: null };

/** The file of a dataset that was the last to be uploaded since the page was opened, else null. */
export const uploadedFile = (id) => (uploaded.id === id ? uploaded.file : null);

/** Uploads a file with progress from 0 to 1. It uses XMLHttpRequest, because fetch reports no upload progress. */
export function upload(file, { name, units, missing, repeatedRows, swapped, encoding, onProgress = () => {}, signal } = {}) {
  const form = new FormData();
  form.append("file", file, file.name);
  if (name) form.append("name", name);
  if (units) form.append("units", JSON.stringify(units));
  if (missing) form.append("missing", JSON.stringify(missing));
  if (swapped) form.append("swap_day_and_month", JSON.stringify(swapped));
  if (encoding) form.append("encoding", encoding);
  if (repeatedRows) form.append("repeated_rows", repeatedRows);
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", "datasets");
    if (key.get()) call.setRequestHeader("Authorization", `Bearer ${key.get()}`);
    call.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    call.onabort = () => reject(new DOMException("stopped", "AbortError"));
    call.onerror = () => reject(new Problem(0, { code: "unreachable" }));
    call.onload = () => {
      const told = parseJson(call.responseText);
      if (call.status === 201) {
        Object.assign(uploaded, { id: told.id, file });
        return resolve(told);
      }
      if (call.status === 401) dispatchEvent(new CustomEvent("key-wanted"));
      return loadCodes().then(() => reject(new Problem(call.status, told)));
    };
    signal?.addEventListener("abort", () => call.abort());
    call.send(form);
  });
}

/** Saves the response of a path under the filename that the service gives. A link could not send the key. */
export async function download(path, filename = "") {
  const answer = await request("GET", path);
  saveBlob(await answer.blob(), filenameOf(answer) || filename);
}

export function saveBlob(blob, filename) {
  const address = URL.createObjectURL(blob);
  Object.assign(document.createElement("a"), { href: address, download: filename }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function filenameOf(answer) {
  const [, coded, plain] = /filename(?:\*=UTF-8''([^;]+)|="([^"]+)")/.exec(answer.headers.get("Content-Disposition")) || [];
  return coded ? decodeURIComponent(coded) : plain;
}

function parseJson(body) {
  try {
    return JSON.parse(body);
  } catch {
    return {};
  }
}
