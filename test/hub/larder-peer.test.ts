import { expect, test } from "bun:test";
import { type Digest, parseDigest } from "../../src/core/index.ts";
import { chunksOf } from "../../src/hub/index.ts";
import type { ChunksOptions } from "../../src/hub/larder-peer.ts";
import { digestOf } from "../helpers/digest.ts";
import { type Origin, type OriginHandler, startOrigin } from "../helpers/origin.ts";
import { closedPort } from "../helpers/ports.ts";
import { localClient } from "../net/client.ts";

const CHUNK = 5 * 1024 * 1024;
const SIZE = 2 * CHUNK + 1;
const BLOB = parseDigest(digestOf("blob"));
const CHUNKS: string[] = ["a", "b", "c"].map(digestOf);
const RIGHT = { sha256: BLOB, size_bytes: SIZE, chunk_bytes: CHUNK, chunks: CHUNKS };
const PATH = `/api/blobs/${BLOB}/chunks`;

function ask(endpoint: string, options: ChunksOptions = {}, signal = new AbortController().signal) {
  return chunksOf(localClient({ headersMs: 300 }), endpoint, BLOB, SIZE, signal, options);
}

async function answered(
  handler: OriginHandler,
  look?: (origin: Origin) => void,
): Promise<Digest[] | undefined> {
  await using origin = await startOrigin();
  origin.on(PATH, handler);
  const found = await ask(origin.origin);
  look?.(origin);
  return found;
}

test("the digests come in order, by one request without credentials", async () => {
  const look = ({ requests }: Origin) => {
    expect(requests.map(({ target }) => target)).toEqual([PATH]);
    expect(requests[0]?.headers.has("authorization")).toBe(false);
  };
  expect(await answered((it) => it.answer(200, {}, JSON.stringify(RIGHT)), look) as string[]).toEqual(CHUNKS);
});

test.each<[string, OriginHandler]>([
  ["unknown", (it) => it.answer(404, {}, '{"error":"Entry not found"}')],
  ["refused", (it) => it.answer(401, {}, '{"error":"no"}')],
  ["of another blob", answer({ sha256: digestOf("other") })],
  ["of another length", answer({ size_bytes: SIZE + 1 })],
  ["chunks of another length", answer({ chunk_bytes: 4 * 1024 * 1024 })],
  ["too few", answer({ chunks: CHUNKS.slice(1) })],
  ["too many", answer({ chunks: [...CHUNKS, ...CHUNKS] })],
  ["no digests", answer({ chunks: ["x", "y", "z"] })],
  ["not JSON", (it) => it.answer(200, {}, "<html>log in</html>")],
  ["longer than they can be", (it) => it.answer(200, {}, JSON.stringify(RIGHT) + " ".repeat(100_000))],
  ["without an end", (it) => it.head(200, { "Content-Length": "500" }).then(() => it.reset())],
  ["never answered", (it) => it.stall()],
])("what is %s is as good as nothing", async (_, handler) => {
  expect(await answered(handler)).toBeUndefined();
});

function answer(wrong: object): OriginHandler {
  return (it) => it.answer(200, {}, JSON.stringify({ ...RIGHT, ...wrong }));
}

test("a peer that is away is as good as none", async () => {
  expect(await ask(`http://127.0.0.1:${await closedPort()}`)).toBeUndefined();
});

test("who gives up is told so", async () => {
  await using origin = await startOrigin();
  const gone = new AbortController();
  const reason = new Error("enough");
  origin.on(PATH, (it) => {
    gone.abort(reason);
    return it.stall();
  });
  expect(await ask(origin.origin, {}, gone.signal).catch((error: unknown) => error)).toBe(reason);
});

test("a token goes to the peer, and not where the peer sends us", async () => {
  await using peer = await startOrigin();
  await using other = await startOrigin();
  peer.on(PATH, (it) => it.answer(302, { Location: other.url("/elsewhere") }));
  other.on("/elsewhere", (it) => it.answer(200, {}, JSON.stringify(RIGHT)));
  expect(await ask(peer.origin, { token: "ldr_c4nary" }) as string[]).toEqual(CHUNKS);
  expect(peer.requests[0]?.headers.get("authorization")).toBe("Bearer ldr_c4nary");
  expect(other.requests[0]?.raw).not.toContain("c4nary");
});
