import { expect, test } from "bun:test";
import { IRIS, SPECIES } from "../../scripts/demo/iris.ts";
import { trainDemo } from "../../scripts/demo/train.ts";
import { type Place, place, type Server } from "../helpers/executable.ts";

const TIMEOUT_MS = 120_000;
const TOLERANCE = 1e-5;

interface Prediction {
  readonly version: string;
  readonly predictions: ReadonlyArray<string | number>;
  readonly probabilities: ReadonlyArray<Readonly<Record<string, number>>>;
}

async function predict({ url }: Server, version?: string): Promise<Prediction> {
  const inputs = IRIS.map(({ features }) => features);
  const response = await fetch(`${url}/api/v1/predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "demo/iris", inputs, ...(version === undefined ? {} : { version }) }),
  });
  expect(response.status).toBe(200);
  return await response.json() as Prediction;
}

/** Addresses that nobody answers: there is no network for the demo. */
function offline(larder: Place): Promise<Server> {
  return larder.serve(["--demo"], { env: { HF_ENDPOINT: "http://127.0.0.1:9" } });
}

test("serve --demo answers predict with both versions as they were trained, without a network", async () => {
  await using larder = await place();
  const server = await offline(larder);
  for (const { version, predict: expected } of trainDemo()) {
    const answer = await predict(server, version);
    const names = version === "1.0.0" ? ["0", "1", "2"] : SPECIES;
    const shares = answer.probabilities.map((row) => names.map((name) => row[name]!));
    const apart = IRIS.map(({ features }, at) =>
      Math.max(...expected(features).map((share, i) => Math.abs(share - shares[at]![i]!)))
    );
    expect([answer.version, answer.predictions.length]).toEqual([version, 150]);
    expect(Math.max(...apart)).toBeLessThanOrEqual(TOLERANCE);
  }
  const { version, predictions } = await predict(server);
  const right = IRIS.filter(({ species }, at) => predictions[at] === SPECIES[species]);
  expect([version, right.length > 145]).toEqual(["1.1.0", true]);
  expect(await server.stop()).toBe(0);
}, TIMEOUT_MS);

test("serve --demo imports once, and the aliases that are computed go by its metrics", async () => {
  await using larder = await place();
  const first = await offline(larder);
  const before = (await larder.run("show", "demo/iris@best")).json;
  expect(before).toMatchObject({ version: { version: "1.1.0" }, best: { version: "1.1.0", metric: "f1" } });
  expect((await larder.run("alias", "best", "demo/iris", "log_loss", "--better", "higher")).json)
    .toMatchObject({
      version: "1.0.0",
    });
  expect((await predict(first, "best")).version).toBe("1.0.0");
  expect(await first.stop()).toBe(0);
  const second = await offline(larder);
  const { version: after } = (await larder.run("show", "demo/iris@1.1.0")).json;
  expect(after).toEqual(before["version"]);
  expect((await predict(second, "best")).version).toBe("1.0.0");
  expect(await second.stop()).toBe(0);
}, TIMEOUT_MS);
