import { expect, test } from "bun:test";
import { join } from "node:path";
import type { PullView } from "../../src/library/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { type Hub, type HubOptions, startHub } from "../helpers/hub.ts";
import {
  openTestLibrary,
  pullAndWait,
  type TestLibrary,
  type TestLibraryOptions,
  waitForPull,
} from "../helpers/library.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { testOnTmpfs } from "../helpers/tmpfs.ts";

const MIB = 2 ** 20;

interface Place extends AsyncDisposable {
  readonly hub: Hub;
  readonly larder: TestLibrary;
}

async function place(hubOptions: HubOptions = {}, options: TestLibraryOptions = {}): Promise<Place> {
  const hub = await startHub(hubOptions);
  const larder = await openTestLibrary({ hub: [hub.endpoint], ...options });
  return {
    hub,
    larder,
    [Symbol.asyncDispose]: async () => {
      await larder[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
    },
  };
}

const WEIGHTS = {
  "tiny.Q8_0.gguf": pseudoRandomBytes(1, 3 * MIB),
  "tiny.Q4_K_M.gguf": pseudoRandomBytes(2, 2 * MIB),
  "tiny.Q2_K.gguf": pseudoRandomBytes(3, MIB),
};
const COMMON = { "config.json": '{"model_type":"llama"}', "README.md": "# Tiny\n" };

function makeTiny(hub: Hub, more: Record<string, string | Uint8Array> = {}) {
  const repository = hub.repository({ id: "acme/tiny", pipelineTask: "text-generation", license: "mit" });
  return { repository, commit: repository.commit({ ...COMMON, ...WEIGHTS, ...more }) };
}

function paths(pull: PullView): string[] {
  return pull.files.map(({ path }) => path).sort();
}

test("a pull without a variant takes the default one, all common files, and the branch's name as alias", async () => {
  await using at = await place();
  const { commit } = makeTiny(at.hub);
  const pull = await pullAndWait(at.larder.library, { model: "acme/tiny" });
  expect(pull).toMatchObject({ state: "done", variant: "Q4_K_M", version: commit, skipped: [], error: null });
  expect(paths(pull)).toEqual(["README.md", "config.json", "tiny.Q4_K_M.gguf"]);
  const view = await at.larder.library.describe("acme/tiny@main");
  expect(view.version.version).toBe(commit);
  expect(view.version.files.map(({ path, sha256 }) => [path, sha256])).toEqual([
    ["README.md", digestOf(COMMON["README.md"])],
    ["config.json", digestOf(COMMON["config.json"])],
    ["tiny.Q4_K_M.gguf", digestOf(WEIGHTS["tiny.Q4_K_M.gguf"])],
  ]);
});

test("a variant by name, then another one of the same commit: common files are fetched and kept once", async () => {
  await using at = await place();
  const { commit } = makeTiny(at.hub);
  await pullAndWait(at.larder.library, { model: "acme/tiny", variant: "Q2_K" });
  const pull = await pullAndWait(at.larder.library, { model: "acme/tiny", variant: "Q8_0" });
  expect(pull).toMatchObject({ state: "done", variant: "Q8_0", version: commit });
  expect(at.hub.bytesSent("config.json")).toBe(COMMON["config.json"].length);
  expect(at.hub.bytesSent("tiny.Q4_K_M.gguf")).toBe(0);
  const { variants } = (await at.larder.library.describe("acme/tiny")).version;
  expect(variants.map(({ name }) => name).sort()).toEqual(["Q2_K", "Q8_0"]);
});

test("scan tells of all variants with one listing, and follows what pulls do with them", async () => {
  await using at = await place();
  const { commit } = makeTiny(at.hub);
  const before = await at.larder.library.scan({ model: "acme/tiny" });
  expect(before).toMatchObject({
    version: commit,
    kind: "model",
    pipeline_task: "text-generation",
    license: "mit",
  });
  expect(before.variants.map(({ name, status, is_default }) => [name, status, is_default])).toEqual([
    ["Q2_K", "available", false],
    ["Q4_K_M", "available", true],
    ["Q8_0", "available", false],
  ]);
  await pullAndWait(at.larder.library, { model: "acme/tiny", variant: "Q2_K" });
  const after = await at.larder.library.scan({ model: "acme/tiny" });
  expect(after.variants.map(({ name, status }) => [name, status])).toEqual([
    ["Q2_K", "downloaded"],
    ["Q4_K_M", "available"],
    ["Q8_0", "available"],
  ]);
});

test("a second pull with nothing changed costs one request", async () => {
  await using at = await place();
  makeTiny(at.hub);
  await pullAndWait(at.larder.library, { model: "acme/tiny" });
  at.hub.reset();
  const again = await pullAndWait(at.larder.library, { model: "acme/tiny" });
  expect(again).toMatchObject({ state: "done", variant: "Q4_K_M" });
  expect(again.bytes_done).toBe(again.bytes_total ?? -1);
  expect(at.hub.requests.map(({ path }) => path)).toEqual(["/api/models/acme/tiny/revision/main"]);
});

test("a commit that is here costs no request", async () => {
  await using at = await place();
  const { commit } = makeTiny(at.hub);
  await pullAndWait(at.larder.library, { model: "acme/tiny" });
  at.hub.reset();
  const again = await pullAndWait(at.larder.library, { model: "acme/tiny", revision: commit });
  expect(again.state).toBe("done");
  expect(at.hub.requests).toEqual([]);
});

test("a branch that moved: only what changed is fetched, the old version stays until it is removed", async () => {
  await using at = await place();
  const { repository, commit } = makeTiny(at.hub);
  await pullAndWait(at.larder.library, { model: "acme/tiny" });
  at.hub.reset();
  const next = repository.commit({ "README.md": "# Tiny, the second\n" }, { keep: true });
  const pull = await pullAndWait(at.larder.library, { model: "acme/tiny" });
  expect(pull).toMatchObject({ state: "done", version: next });
  expect(at.hub.bytesSent("tiny.Q4_K_M.gguf") + at.hub.bytesSent("config.json")).toBe(0);
  const { aliases, versions } = await at.larder.library.describe("acme/tiny");
  expect(aliases).toEqual({ main: next });
  expect(versions.map(({ version }) => version).sort()).toEqual([commit, next].sort());
  expect((await at.larder.library.describe("acme/tiny@latest")).version.version).toBe(next);
});

test("a branch that moves during a pull: one commit, complete", async () => {
  await using at = await place();
  const { repository, commit } = makeTiny(at.hub);
  const weights = await repository.cdnPath("tiny.Q4_K_M.gguf");
  at.hub.cdn.fault(weights, [{ kind: "drip", bytesPerSecond: 4 * MIB, afterBytes: 0 }]);
  const { id } = await at.larder.library.pull({ model: "acme/tiny" });
  for await (const view of at.larder.library.watchPull(id)) if (view.bytes_done > 0) break;
  repository.commit({
    "config.json": '{"model_type":"other"}',
    "tiny.Q4_K_M.gguf": pseudoRandomBytes(9, MIB),
  });
  const pull = await waitForPull(at.larder.library, id);
  expect(pull).toMatchObject({ state: "done", version: commit });
  const { files } = (await at.larder.library.describe(`acme/tiny@${commit}`)).version;
  expect(files.find(({ path }) => path === "config.json")?.sha256).toBe(digestOf(COMMON["config.json"]));
});

test("a signed address that expires in the middle: a new one is asked for and it goes on at the same byte", async () => {
  await using at = await place();
  const big = pseudoRandomBytes(4, 24 * MIB);
  const { repository } = makeTiny(at.hub, { "tiny.F16.gguf": big });
  const address = await repository.cdnPath("tiny.F16.gguf");
  at.hub.cdn.fault(address, [{ kind: "stall", afterBytes: 11 * MIB }]);
  const { id } = await at.larder.library.pull({ model: "acme/tiny", variant: "F16" });
  for await (const view of at.larder.library.watchPull(id)) if (view.bytes_done >= 10 * MIB) break;
  at.hub.expireSignatures();
  const pull = await waitForPull(at.larder.library, id);
  expect(pull.state).toBe("done");
  const asked = at.hub.requests.filter((request) => request.at === "cdn" && request.path === address);
  expect(new Set(asked.map(({ query }) => query.toString())).size).toBe(2);
  const start = Number(/^bytes=(\d+)-/.exec(asked.at(-1)?.headers.get("range") ?? "")?.[1]);
  // What the stalled connection had on its way may not have been written.
  expect(start).toBeGreaterThanOrEqual(10 * MIB);
  expect(start).toBeLessThanOrEqual(11 * MIB);
});

test("small files are held against git's names: a wrong one is refused, and a mirror that is right is asked", async () => {
  await using at = await place();
  const { repository } = makeTiny(at.hub);
  at.hub.api.fault(repository.cachePath("config.json"), [{ kind: "flip", atByte: 3 }], { forever: true });
  const pull = await pullAndWait(at.larder.library, { model: "acme/tiny" });
  expect(pull).toMatchObject({ state: "failed", error: { code: "DIGEST_MISMATCH" } });

  const mirror = await startHub();
  makeTiny(mirror);
  const larder = await openTestLibrary({ hub: [at.hub.endpoint, mirror.endpoint] });
  const mended = await pullAndWait(larder.library, { model: "acme/tiny" });
  expect(mended.state).toBe("done");
  await larder[Symbol.asyncDispose]();
  await mirror[Symbol.asyncDispose]();
});

test("patterns select files of any variant", async () => {
  await using at = await place();
  makeTiny(at.hub);
  const pull = await pullAndWait(at.larder.library, { model: "acme/tiny", patterns: ["*.json", "*Q2_K*"] });
  expect(pull.state).toBe("done");
  expect(paths(pull)).toEqual(["config.json", "tiny.Q2_K.gguf"]);
});

test("fallback: a variant that is missing", async () => {
  await using at = await place();
  makeTiny(at.hub);
  const plain = await pullAndWait(at.larder.library, { model: "acme/tiny", variant: "Q5_K_M" });
  expect(plain).toMatchObject({ state: "failed", error: { code: "VARIANT_NOT_FOUND" } });
  expect(plain.error?.hint).toContain("Q2_K, Q4_K_M, Q8_0");
  const pull = await pullAndWait(at.larder.library, {
    model: "acme/tiny",
    variant: "Q5_K_M",
    fallback: ["Q3_K", "Q2_K"],
  });
  expect(pull).toMatchObject({ state: "done", variant: "Q2_K" });
  expect(pull.skipped.map(({ variant, error }) => [variant, error.code])).toEqual([
    ["Q5_K_M", "VARIANT_NOT_FOUND"],
    ["Q3_K", "VARIANT_NOT_FOUND"],
  ]);
});

test("fallback: all mirrors have it corrupt; the manifest says what failed and what was taken", async () => {
  await using at = await place();
  const { repository } = makeTiny(at.hub);
  at.hub.cdn.fault(await repository.cdnPath("tiny.Q4_K_M.gguf"), [{ kind: "flip", atByte: 100 }], {
    forever: true,
  });
  const seen: string[] = [];
  at.larder.events.subscribe((event) => {
    if (event.type === "variant") seen.push(`${event.variant} ${event.status}`);
  });
  const pull = await pullAndWait(at.larder.library, { model: "acme/tiny" });
  expect(pull).toMatchObject({ state: "done", variant: "Q2_K" });
  expect(pull.skipped.map(({ variant, error }) => [variant, error.code])).toEqual([[
    "Q4_K_M",
    "DIGEST_MISMATCH",
  ]]);
  expect(seen).toEqual(["Q4_K_M downloading", "Q4_K_M failed", "Q2_K downloading", "Q2_K downloaded"]);
  const { variants } = await at.larder.library.scan({ model: "acme/tiny" });
  expect(variants.map(({ name, status, error }) => [name, status, error?.code])).toEqual([
    ["Q2_K", "downloaded", undefined],
    ["Q4_K_M", "failed", "DIGEST_MISMATCH"],
    ["Q8_0", "available", undefined],
  ]);
});

test("fallback: one that does not fit the memory, and none when no smaller one would fit either", async () => {
  await using at = await place({}, { settings: { memoryBytes: 1.5 * MIB } });
  makeTiny(at.hub);
  const pull = await pullAndWait(at.larder.library, { model: "acme/tiny" });
  expect(pull).toMatchObject({ state: "done", variant: "Q2_K" });
  expect(pull.skipped.map(({ error }) => error.code)).toEqual(["DOES_NOT_FIT_MEMORY"]);
  const { variants } = await at.larder.library.scan({ model: "acme/tiny" });
  expect(variants.map(({ name, fits_memory }) => [name, fits_memory])).toEqual([
    ["Q2_K", true],
    ["Q4_K_M", false],
    ["Q8_0", false],
  ]);
});

testOnTmpfs(
  { sizeBytes: 4 * MIB },
  "fallback: one that does not fit the disk, before a byte of it is fetched",
  async (disk) => {
    await using at = await place({}, { home: join(disk.path, "home") });
    makeTiny(at.hub, { "tiny.Q4_K_M.gguf": pseudoRandomBytes(8, 9 * MIB) });
    const pull = await pullAndWait(at.larder.library, { model: "acme/tiny", fallback: ["Q2_K"] });
    expect(pull).toMatchObject({ state: "done", variant: "Q2_K" });
    expect(pull.skipped.map(({ variant, error }) => [variant, error.code])).toEqual([["Q4_K_M", "NO_SPACE"]]);
    expect(at.hub.bytesSent("tiny.Q4_K_M.gguf")).toBe(0);
    const { variants } = await at.larder.library.scan({ model: "acme/tiny" });
    expect(variants.map(({ name, fits_disk }) => [name, fits_disk])).toEqual([
      ["Q2_K", true],
      ["Q4_K_M", false],
      ["Q8_0", false],
    ]);
  },
);

test("offline: what is here works without the hub, what is not says so, and nothing is asked", async () => {
  await using at = await place();
  makeTiny(at.hub);
  await pullAndWait(at.larder.library, { model: "acme/tiny" });
  at.hub.reset();
  const here = await pullAndWait(at.larder.library, { model: "acme/tiny", offline: true });
  expect(here).toMatchObject({ state: "done", variant: "Q4_K_M" });
  const missing = await pullAndWait(at.larder.library, { model: "acme/other", offline: true });
  expect(missing).toMatchObject({ state: "failed", error: { code: "OFFLINE" } });
  expect(at.hub.requests).toEqual([]);
});

test("a hub that is away: a pull of what is here still ends well, of anything else it says why", async () => {
  const hub = await startHub();
  makeTiny(hub);
  await using larder = await openTestLibrary({ hub: [hub.endpoint] });
  await pullAndWait(larder.library, { model: "acme/tiny" });
  await hub[Symbol.asyncDispose]();
  expect(await pullAndWait(larder.library, { model: "acme/tiny" })).toMatchObject({
    state: "done",
    variant: "Q4_K_M",
  });
  const other = await pullAndWait(larder.library, { model: "acme/tiny", variant: "Q8_0" });
  expect(other).toMatchObject({ state: "failed", error: { code: "UPSTREAM_UNREACHABLE" } });
});

test("the token goes to the hub with every request, and nowhere else", async () => {
  const canary = "hf_canaryCanaryCanaryCanaryCanaryCanary";
  await using at = await place({ tokens: { [canary]: { name: "ann", grants: ["acme/tiny"] } } }, {
    hubToken: canary,
  });
  const { repository } = makeTiny(at.hub);
  repository.private = true;
  const pull = await pullAndWait(at.larder.library, { model: "acme/tiny" });
  expect(pull.state).toBe("done");
  expect(at.hub.leakedTokens).toEqual([]);
  expect(JSON.stringify([pull, await at.larder.library.describe("acme/tiny")])).not.toContain(canary);
  for (const { at: where, headers } of at.hub.requests) {
    expect([where, headers.get("authorization") ?? undefined]).toEqual([
      where,
      where === "hub" ? `Bearer ${canary}` : undefined,
    ]);
  }
});

test("ensure: at once when it is here, else pulled; together they pull once", async () => {
  await using at = await place();
  const { commit } = makeTiny(at.hub);
  const two = await Promise.all([
    at.larder.library.ensure("acme/tiny:Q2_K"),
    at.larder.library.ensure("acme/tiny:Q2_K"),
  ]);
  expect(two.map(({ version, variant, pulled }) => [version, variant, pulled])).toEqual([
    [commit, "Q2_K", true],
    [commit, "Q2_K", true],
  ]);
  expect(at.hub.bytesSent("tiny.Q2_K.gguf")).toBe(MIB);
  at.hub.reset();
  // Any variant will do, so the one that is here does.
  expect(await at.larder.library.ensure("acme/tiny")).toMatchObject({ variant: "Q2_K", pulled: false });
  expect(at.hub.requests).toEqual([]);
});

test("datasets are pulled whole under their prefix", async () => {
  await using at = await place();
  const repository = at.hub.repository({ kind: "dataset", id: "acme/texts" });
  const commit = repository.commit({ "data/a.csv": "a,b\n1,2\n", "README.md": "# Texts\n" });
  const pull = await pullAndWait(at.larder.library, { model: "datasets/acme/texts" });
  expect(pull).toMatchObject({ state: "done", version: commit, variant: "default" });
  expect(paths(pull)).toEqual(["README.md", "data/a.csv"]);
});

test("gated: without a token, with one the hub does not know, with one that has no access", async () => {
  const poor = "hf_poorPoorPoorPoorPoorPoorPoorPoor";
  await using at = await place({ tokens: { [poor]: { name: "bob" } } });
  makeTiny(at.hub).repository.gated = "manual";
  const hints = new Set<string>();
  const cases = [
    [undefined, "HUB_GATED"],
    ["hf_unknownUnknownUnknownUnknownUnkn", "HUB_TOKEN_INVALID"],
    [poor, "HUB_GATED"],
  ] as const;
  for (const [hubToken, code] of cases) {
    await using larder = await openTestLibrary({
      hub: [at.hub.endpoint],
      ...(hubToken === undefined ? {} : { hubToken }),
    });
    const pull = await pullAndWait(larder.library, { model: "acme/tiny" });
    expect([hubToken, pull.state, pull.error?.code]).toEqual([hubToken, "failed", code]);
    hints.add(pull.error?.hint ?? "");
  }
  expect(hints.size).toBe(3);
});
