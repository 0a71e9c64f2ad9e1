// The current request as code.

import { html } from "../../vendor/lit-html.js";
import { key } from "../api.js";
import { t } from "../i18n.js";
import { copyButton } from "./copy.js";

export function recipes(body) {
  return html`<div class="recipes">
    ${recipe("curl", curl(body))} ${recipe("Python", python(body))}
  </div>`;
}

export function recipe(title, code) {
  return html`<section class="recipe">
    <div class="recipe-head"><h3>${title}</h3>${copyButton(code, title)}</div>
    <pre tabindex="0" role="region" aria-label=${t("recipe", { title })}><code>${code}</code></pre>
  </section>`;
}

export const root = () => document.baseURI.replace(/\/$/, "");

export function curl(body) {
  const secret = key.get() ? " -H \"Authorization: Bearer $KAN_KEY\"" : "";
  return `curl${secret} --json '${JSON.stringify(body).replaceAll("'", "'\\''")}' ${root()}/jobs`;
}

/** Python code with one client call for a training or for equations. */
export function python({ kind, dataset_id, target, ...others }) {
  const named = Object.entries(others).map(([name, value]) => `${name}=${literal(value)}`);
  const given = [...[dataset_id, target].filter(Boolean).map(literal), ...named].join(", ");
  const first = key.get() ? "import os\n\n" : "";
  const secret = key.get() ? ', os.environ["KAN_KEY"]' : "";
  return `${first}from service.client import Client

with Client(${literal(root())}${secret}) as kan:
    model = kan.${kind === "solve" ? "solve" : "train"}(${given})
    print(${target ? "kan.formula(model), " : ""}model.metrics)`;
}

/** A JSON value as a Python literal. */
export function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, inner]) => `${literal(name)}: ${literal(inner)}`).join(", ")}}`;
  return JSON.stringify(value);
}
