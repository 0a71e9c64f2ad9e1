// A client that @hey-api/openapi-ts makes uploads a table, trains with the smallest request, predicts and draws.
import { client } from "./hey_api/client.gen";
import { getJob, getNetworkPng, predict, submitJob, uploadDataset } from "./hey_api/sdk.gen";
import type { JobRequest } from "./hey_api/types.gen";

declare const process: { argv: string[] };

async function main(url: string, table: string): Promise<void> {
  client.setConfig({ baseUrl: url });
  const always = { throwOnError: true } as const;
  const file = new File([table], "line.csv");
  const { data: dataset } = await uploadDataset({ body: { file }, ...always });
  const smallest: JobRequest = { dataset_id: dataset.id, target: "y" };
  let { data: job } = await submitJob({ body: { ...smallest, max_seconds: 10 }, ...always });
  console.log(job.id);
  while (job.status === "queued" || job.status === "running") {
    await new Promise((resume) => setTimeout(resume, 100));
    ({ data: job } = await getJob({ path: { job_id: job.id }, ...always }));
  }
  const model = job.model_id ?? "";
  const rows = { model, columns: { x: [0.5, 1] } };
  const { data: answer } = await predict({ body: rows, ...always });
  const { data: picture } = await getNetworkPng({ path: { model_id: model }, ...always });
  console.log(JSON.stringify({ predictions: answer.predictions, picture: await picture.slice(1, 4).text() }));
}

void main(process.argv[2], process.argv[3]);
