// deno-lint-ignore-file no-console
import { Hono } from "hono";
import { InferenceSession, Tensor } from "onnxruntime-node";

/**
 * The bare runtime in a process of its own, in one of two ways: `serve <model> <features>` prints its address and answers every
 * request with the same text after a run in the same thread; `time <model> <runs> <spin>` prints the seconds of so many runs in a
 * row, and what came out.
 */
async function main(): Promise<void> {
  const [what, model = "", given = "", spin = "1"] = Bun.argv.slice(2);
  if (what === "serve") await serve(model, JSON.parse(given));
  else console.log(JSON.stringify(await time(model, Number(given), spin)));
}

/** Small inputs are no work to share: one thread. */
async function serve(model: string, features: readonly number[]): Promise<void> {
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  const feeds = inputOf(session, new Tensor("float32", Float32Array.from(features), [1, features.length]));
  await session.run(feeds);
  const app = new Hono().post("/predict", async (c) => {
    await session.run(feeds);
    return c.json({ predictions: [0] });
  });
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch });
  console.log(JSON.stringify({ url: server.url.origin }));
}

async function time(
  model: string,
  runs: number,
  spin: string,
): Promise<{ readonly seconds: number; readonly y: unknown }> {
  const extra = { session: { intra_op: { allow_spinning: spin } } };
  const session = await InferenceSession.create(model, { extra });
  const feeds = inputOf(session, new Tensor("float32", Float32Array.of(0.5), [1]));
  const { y } = await session.run(feeds);
  const startMs = performance.now();
  for (let done = 0; done < runs; done++) await session.run(feeds);
  return { seconds: (performance.now() - startMs) / 1000, y: y?.data[0] };
}

function inputOf({ inputNames: [name = ""] }: InferenceSession, tensor: Tensor): Record<string, Tensor> {
  return { [name]: tensor };
}

await main();
