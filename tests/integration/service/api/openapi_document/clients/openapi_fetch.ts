// openapi-fetch, with the types of openapi-typescript, uploads a table, trains with the smallest request, predicts
// and draws.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

declare const process: { argv: string[] };

type JobRequest = components["schemas"]["JobRequest"];

async function main(url: string, table: string): Promise<void> {
  const client = createClient<paths>({ baseUrl: url });
  const form = new FormData();
  form.append("file", new File([table], "line.csv"));
  const upload = await client.POST("/datasets/upload", { body: { file: "" }, bodySerializer: () => form });
  const smallest: JobRequest = { dataset_id: given(upload).id, target: "y" };
  let job = given(await client.POST("/jobs", { body: { ...smallest, max_seconds: 10 } }));
  console.log(job.id);
  while (job.status === "queued" || job.status === "running") {
    await new Promise((resume) => setTimeout(resume, 100));
    job = given(await client.GET("/jobs/{job_id}", { params: { path: { job_id: job.id } } }));
  }
  const model = job.model_id ?? "";
  const answer = given(await client.POST("/predict", { body: { model, columns: { x: [0.5, 1] } } }));
  const drawn = await client.GET("/models/{model_id}/plot.png", {
    params: { path: { model_id: model } },
    parseAs: "blob",
  });
  const picture = await given(drawn).slice(1, 4).text();
  console.log(JSON.stringify({ predictions: answer.predictions, picture }));
}

function given<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

void main(process.argv[2], process.argv[3]);
