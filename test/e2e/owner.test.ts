import { expect } from "bun:test";
import { Api } from "../helpers/api.ts";
import { testWith } from "../helpers/tools.ts";
import { waitUntil } from "../helpers/wait.ts";
import { resultOf } from "../helpers/larder-process.ts";
import { type Sample, type World, world } from "./world.ts";

const TIMEOUT_MS = 30_000;
const MIB = 2 ** 20;

testWith(["nginx"], "P09: a second server waits for the home, then exits 75 naming who has it", async () => {
  await using at = await world();
  const { pid } = await at.larder.serve();
  const startMs = performance.now();
  const second = await at.larder.run("serve", "--port", "0", "--wait", "1");
  expect(performance.now() - startMs).toBeGreaterThan(1000);
  expect([second.code, second.json]).toMatchObject([75, { error: { code: "HOME_LOCKED", retryable: true } }]);
  expect(second.stderr).toContain(`larder serve (process ${pid})`);
}, TIMEOUT_MS);

testWith(
  ["nginx"],
  "P09: of two pulls without a server the second exits 75, or goes on when it waits long enough",
  async () => {
    await using at = await world();
    await at.sample("slow.bin", 8 * MIB);
    const quick = await at.sample("quick.bin", 1000);
    const first = at.larder.spawn(["pull", "acme/slow@1", at.nginx.address("/slow.bin", 2 * MIB), "--json"]);
    await waitUntil(() => Bun.file(at.larder.inHome("owner.json")).exists());
    const second = await at.larder.run("pull", "acme/quick@1", quick.address, "--wait", "1");
    expect([second.code, second.json]).toMatchObject([75, { error: { code: "HOME_LOCKED" } }]);
    expect(second.stderr).toContain(`larder pull (process ${first.pid})`);
    const third = at.larder.spawn(["pull", "acme/quick@1", quick.address, "--wait", "20", "--json"]);
    expect(await resultOf(first)).toMatchObject({ code: 0, json: { state: "done" } });
    expect(await resultOf(third)).toMatchObject({ code: 0, json: { state: "done", bytes_done: 1000 } });
  },
  TIMEOUT_MS,
);

testWith(["nginx"], "P09: verbs talk to the running server and not to the files", async () => {
  await using at = await world();
  const file = await at.sample("model.bin", 100_000);
  const { url } = await at.larder.serve();
  expect(await pullBy(at, file)).toMatchObject({ code: 0, json: { state: "done" } });
  const api = new Api(url);
  expect((await api.get("/api/pulls")).json).toMatchObject({
    pulls: [{ model: "acme/model", state: "done" }],
  });
  expect((await at.larder.run("alias", "set", "acme/model", "prod", "1", "--wait", "0")).code).toBe(0);
  expect((await api.get("/api/models/acme/model")).json).toMatchObject({ aliases: { prod: "1" } });
  const limits = await at.larder.run("pulls", "limit", "--rate", "10MiB");
  expect(limits.json).toMatchObject({ rate_bytes_per_s: 10 * MIB });
  expect((await api.get("/api/limits")).json).toMatchObject({ rate_bytes_per_s: 10 * MIB });
  expect((await at.larder.run("remove", "acme/model")).code).toBe(0);
  expect((await api.get("/api/models/library")).json).toMatchObject({ models: [] });
}, TIMEOUT_MS);

testWith(["nginx"], "P10: after kill -9 of a server or of a pull the next start needs no hand", async () => {
  await using at = await world();
  const file = await at.sample("model.bin", 16 * MIB);
  const server = await at.larder.serve();
  await server.stop("SIGKILL");
  expect((await at.larder.run("list", "--wait", "0")).code).toBe(0);
  const pull = at.larder.spawn(["pull", "acme/model@1", at.nginx.address("/model.bin", 4 * MIB)]);
  await waitUntil(async () => await at.nginx.answering() > 0);
  pull.kill("SIGKILL");
  await pull.exited;
  const again = await at.larder.run(
    "pull",
    "acme/model@1",
    file.address,
    "--sha256",
    file.digest,
    "--wait",
    "0",
  );
  expect(again).toMatchObject({ code: 0, json: { state: "done" } });
  const next = await at.larder.serve(["--wait", "0"]);
  expect((await fetch(`${next.url}/health/ready`)).status).toBe(200);
}, TIMEOUT_MS);

testWith(["nginx"], "P26: a port in use exits 1 with PORT_IN_USE and lets the home go", async () => {
  await using at = await world();
  const taken = new URL(at.nginx.address("/")).port;
  const refused = await at.larder.run("serve", "--port", taken);
  expect([refused.code, refused.json]).toMatchObject([1, { error: { code: "PORT_IN_USE", field: "port" } }]);
  expect(refused.stderr).toContain(`127.0.0.1:${taken}`);
  expect((await at.larder.run("list", "--wait", "0")).code).toBe(0);
}, TIMEOUT_MS);

function pullBy({ larder }: World, file: Sample) {
  return larder.run("pull", "acme/model@1", file.address, "--sha256", file.digest, "--wait", "0");
}
