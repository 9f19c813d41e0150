import { expect, test } from "bun:test";
import { parseDigest } from "../../../src/core/index.ts";
import { chunksOf, createHubClient } from "../../../src/hub/index.ts";
import type { PullView } from "../../../src/library/index.ts";
import { digestOf } from "../../helpers/digest.ts";
import { startHub } from "../../helpers/hub.ts";
import { openTestLibrary, pullAndWait, type TestLibrary } from "../../helpers/library.ts";
import { pseudoRandomBytes } from "../../helpers/pseudo-random.ts";
import { expectSound } from "../../helpers/sound.ts";
import { localClient } from "../../net/client.ts";
import { addVersion, COMMIT, gitOidOf, hubRunning } from "./setup.ts";

const CHUNK = 5 * 1024 * 1024;

function fetchedBy({ files }: PullView): number {
  return files.reduce((sum, { bytes_fetched }) => sum + bytes_fetched, 0);
}

async function bytesIn(
  { library }: TestLibrary,
  model: string,
  version: string,
  path: string,
): Promise<Uint8Array> {
  return await Bun.file((await library.serveFile(model, version, path)).path).bytes();
}

test("another larder lists what is here, and knows that it asks a larder", async () => {
  const large = pseudoRandomBytes(1, 2_000_000);
  await using hub = await hubRunning();
  await addVersion(hub.larder, {
    model: "datasets/acme/texts",
    version: COMMIT,
    files: { "README.md": { bytes: "# texts", inGit: true }, "data/a.bin": { bytes: large } },
  });
  const client = createHubClient({ net: localClient(), endpoints: [hub.url] });
  const listing = await client.scan({ kind: "dataset", id: "acme/texts" });
  expect(listing).toMatchObject({
    repo: { kind: "dataset", id: "acme/texts" },
    commit: COMMIT,
    isLarder: true,
    endpoint: hub.url,
    files: [
      { path: "README.md", sizeBytes: 7, gitOid: gitOidOf("# texts") },
      { path: "data/a.bin", sizeBytes: 2_000_000, sha256: digestOf(large) },
    ],
  });
  const at = { repo: listing.repo, commit: COMMIT };
  expect(digestOf(await client.read(at, "data/a.bin", { range: { start: 10, end: 20 } })))
    .toBe(digestOf(large.slice(10, 20)));
});

test("chunksOf() brings the digests of a blob's chunks, and nothing of an unknown blob", async () => {
  const large = pseudoRandomBytes(2, CHUNK + 1);
  await using hub = await hubRunning();
  await addVersion(hub.larder, { model: "acme/tiny", version: COMMIT, files: { "a.bin": { bytes: large } } });
  const ask = (sha256: string, sizeBytes: number, token?: string) =>
    chunksOf(localClient(), hub.url, parseDigest(sha256), sizeBytes, new AbortController().signal, { token });
  const chunks: string[] = [digestOf(large.subarray(0, CHUNK)), digestOf(large.subarray(CHUNK))];
  expect(await ask(digestOf(large), large.length) as string[]).toEqual(chunks);
  expect(await ask(digestOf(large), large.length + 1)).toBeUndefined();
  expect(await ask(digestOf("unknown"), 10)).toBeUndefined();
  const { token } = await hub.larder.library.createToken({ name: "peer", scopes: ["read"] });
  expect(await ask(digestOf(large), large.length)).toBeUndefined();
  expect(await ask(digestOf(large), large.length, token) as string[]).toEqual(chunks);
});

test("what one larder pulled from the hub, another one pulls from it, and a third from that", async () => {
  const weights = pseudoRandomBytes(3, 3_000_000);
  await using origin = await startHub();
  const commit = origin.repository({ id: "acme/tiny", pipelineTask: "text-generation" }).commit({
    "config.json": '{"model_type":"llama"}',
    "tiny-Q4_K_M.gguf": weights,
    "tiny-Q8_0.gguf": pseudoRandomBytes(4, 3_100_000),
  });
  const first = await openTestLibrary({ hub: [origin.endpoint] });
  await using near = await hubRunning({ larder: first });
  expect(await pullAndWait(first.library, { model: "acme/tiny", variant: "Q4_K_M" })).toMatchObject({
    state: "done",
  });

  const second = await openTestLibrary({ hub: [near.url] });
  await using far = await hubRunning({ larder: second });
  await using third = await openTestLibrary({ hub: [far.url] });
  origin.reset();
  for (const larder of [second, third]) {
    const pull = await pullAndWait(larder.library, { model: "acme/tiny", variant: "Q4_K_M" });
    expect(pull).toMatchObject({ state: "done", version: commit, variant: "Q4_K_M" });
    expect(digestOf(await bytesIn(larder, "acme/tiny", "main", "tiny-Q4_K_M.gguf"))).toBe(digestOf(weights));
    await expectSound(larder);
  }
  expect(origin.requests).toEqual([]);
  const found = (larder: TestLibrary) =>
    larder.registry.findVersion("acme/tiny", commit)?.files.map((
      { path, digest, gitOid },
    ) => [path, digest, gitOid]);
  expect(found(third)).toEqual(found(first));
});

test("a blob that shares nine of ten chunks with a local one costs the tenth", async () => {
  const old = pseudoRandomBytes(5, 10 * CHUNK);
  const changed = Uint8Array.from(old);
  changed.set(pseudoRandomBytes(6, CHUNK), 4 * CHUNK);
  await using near = await hubRunning();
  await addVersion(near.larder, {
    model: "acme/tiny",
    version: COMMIT,
    files: { "tiny-Q8_0.gguf": { bytes: changed } },
  });
  await using far = await openTestLibrary({ hub: [near.url] });
  await addVersion(far, { model: "acme/other", version: "1.0.0", files: { "x.gguf": { bytes: old } } });
  const pull = await pullAndWait(far.library, { model: "acme/tiny" });
  expect(pull).toMatchObject({ state: "done", version: COMMIT });
  expect(fetchedBy(pull)).toBeLessThan(1.5 * CHUNK);
  expect(digestOf(await bytesIn(far, "acme/tiny", "main", "tiny-Q8_0.gguf"))).toBe(digestOf(changed));
  await expectSound(far);
});

test("a larder whose door is closed opens to its own token", async () => {
  await using near = await hubRunning();
  await addVersion(near.larder, {
    model: "acme/tiny",
    version: COMMIT,
    files: { "tiny-Q8_0.gguf": { bytes: "weights" } },
  });
  const { token } = await near.larder.library.createToken({ name: "peer", scopes: ["read"] });
  await using stranger = await openTestLibrary({ hub: [near.url] });
  const refused = await pullAndWait(stranger.library, { model: "acme/tiny" });
  expect(refused).toMatchObject({ state: "failed", error: { code: "HUB_TOKEN_INVALID" } });
  await using friend = await openTestLibrary({
    hub: [near.url],
    ...(token === undefined ? {} : { hubToken: token }),
  });
  expect(await pullAndWait(friend.library, { model: "acme/tiny" })).toMatchObject({ state: "done" });
});
