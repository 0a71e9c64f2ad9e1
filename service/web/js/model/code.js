// The prediction that is on the page, for those who write programs.

import { html, nothing } from "../../vendor/lit-html.js";
import { key } from "../api.js";
import { literal, recipe, root } from "../parts/recipes.js";

export function code(model, row) {
  return row ? html`${recipe("curl", curl(model, row))} ${recipe("Python", python(model, row))}` : nothing;
}

function curl(model, row) {
  const body = JSON.stringify({ rows: [row] }).replaceAll("'", "'\\''");
  const secret = key.get() ? ' -H "Authorization: Bearer $KAN_KEY"' : "";
  return `curl${secret} ${root()}/models/${model.id}/predict \\\n  --json '${body}'`;
}

function python(model, row) {
  const first = key.get() ? "import os\n\n" : "";
  const secret = key.get() ? ', os.environ["KAN_KEY"]' : "";
  return `${first}from service.client import Client

with Client(${literal(root())}${secret}) as kan:
    row = ${literal(row)}
    print(kan.predict(${literal(model.id)}, [row]).values)`;
}
