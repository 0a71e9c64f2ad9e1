// Submits a job that changes a model. On success, its view opens; an error is shown in `place`.

import { render } from "../../vendor/lit-html.js";
import { announce } from "../screen_reader.js";
import { send } from "../api.js";
import { go } from "../navigate.js";
import { t } from "../i18n.js";
import { problem } from "../parts/problem.js";

export async function submit(body, button, place, onDone = () => {}) {
  button.disabled = true;
  try {
    const job = await send("POST", "jobs", body);
    onDone();
    announce(t("model.submitted"));
    go(`/jobs/${job.id}`);
  } catch (error) {
    button.disabled = false;
    render(problem(error), place);
  }
}
