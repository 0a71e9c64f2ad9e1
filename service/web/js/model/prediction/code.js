// The current prediction as code.

import { html, nothing } from "../../../vendor/lit-html.js";
import { key } from "../../api.js";
import { literal, recipe, root } from "../../parts/code_recipes.js";
import { memberRequest } from "../members.js";

export function code(model, row, by) {
  if (!row) return nothing;
  const wished = memberRequest(model, by);
  return html`${recipe("curl", curl(model, row, wished))} ${recipe("Python", python(model, row, wished))}`;
}

function curl(model, row, wished) {
  const body = JSON.stringify({ rows: [row], ...wished }).replaceAll("'", "'\\''");
  const secret = key.get() ? ' -H "Authorization: Bearer $KAN_KEY"' : "";
  return `curl${secret} ${root()}/models/${model.id}/predict \\\n  --json '${body}'`;
}

function python(model, row, { by }) {
  const first = key.get() ? "import os\n\n" : "";
  const secret = key.get() ? ', os.environ["KAN_KEY"]' : "";
  return `${first}from service.client import Client

with Client(${literal(root())}${secret}) as kan:
    row = ${literal(row)}
    print(kan.predict(${literal(model.id)}, [row]${by ? `, by=${literal(by)}` : ""}).values)`;
}
