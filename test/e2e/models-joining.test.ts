import { expect, test } from "bun:test";
import { modelPlace, MODELS } from "./model-place.ts";

const TIMEOUT_MS = 120_000;
const MODEL = "acme/linear";
const [ROUNDS, CLIENTS, ROWS_MAX] = [3, 100, 32];

test("requests at once for a model with max_batch are joined, and each gets its own answer", async () => {
  await using at = await modelPlace();
  await at.add(`${MODEL}@1.0.0`, MODELS[MODEL]);
  const { api, url } = await at.serve();
  const set = await api.put(`/api/models/${MODEL}/options`, { options: { max_batch: ROWS_MAX } });
  expect(set.status).toBe(200);
  for (let round = 0; round < ROUNDS; round++) {
    const values = Array.from({ length: CLIENTS }, (_, i) => round * CLIENTS + i);
    const answers = await Promise.all(
      values.map((value) => api.post("/api/v1/predict", { model: MODEL, inputs: [[value, 0, 0, 0]] })),
    );
    // The first row of the weights is 1, -2, 0.5, and the bias 0.5, -0.25, 2.
    expect(answers.map(({ json }) => json.outputs.y.data)).toEqual(
      values.map((value) => [[value + 0.5, -2 * value - 0.25, 0.5 * value + 2]]),
    );
  }
  const batch = Array.from({ length: 40 }, (_, i) => ({ inputs: [[i, 0, 0, 0]] }));
  const { json } = await api.post("/api/v1/batch_predict", { model: MODEL, requests: batch });
  expect(
    json.results.map((result: { outputs: { y: { data: number[][] } } }) => result.outputs.y.data[0]?.[0]),
  )
    .toEqual(batch.map((_, i) => i + 0.5));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const count = (suffix: string) =>
    Number(new RegExp(`^larder_model_batch_rows_${suffix} (\\d+)$`, "m").exec(metrics)?.[1]);
  expect(count("sum")).toBe(ROUNDS * CLIENTS + batch.length);
  expect(count("count")).toBeLessThan(ROUNDS * CLIENTS);
  expect(count('bucket\\{le="32"\\}')).toBe(count("count"));
}, TIMEOUT_MS);
