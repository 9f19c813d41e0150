import { expect } from "bun:test";
import { Api } from "../helpers/api.ts";
import { testWith } from "../helpers/tools.ts";
import { rawRequest } from "../http/raw-client.ts";
import { opensslDigest } from "./blobs.ts";
import { world } from "./world.ts";

const TIMEOUT_MS = 60_000;
const SIZE = 80 * 2 ** 20;
const REQUESTS = 1000;
const NAMES = ["acme/one", "acme/two", "acme/three"];

testWith(
  ["nginx", "openssl"],
  "C01 C05: 1,000 requests for one digest under three names fetch each byte once",
  async () => {
    await using at = await world();
    const file = await at.sample("model.bin", SIZE);
    const server = await at.larder.serve();
    const port = Number(new URL(server.url).port);
    const body = (model: string) =>
      JSON.stringify({
        model,
        revision: "1",
        sha256: file.digest,
        urls: [at.nginx.address("/model.bin", 30_000_000)],
      });
    const answers = await Promise.all(Array.from({ length: REQUESTS }, async (_, nth) => {
      const { status, body: text } = await rawRequest(port, post(body(NAMES[nth % NAMES.length] ?? "")));
      return { status, pull: JSON.parse(text.toString()) };
    }));
    expect(answers.filter(({ status }) => status !== 202)).toEqual([]);
    const ids = new Set(answers.map(({ pull }) => pull.id as string));
    expect(ids.size).toBe(NAMES.length);
    const api = new Api(server.url);
    for (const id of ids) expect(await api.follow(id)).toMatchObject({ state: "done", bytes_done: SIZE });
    for (const model of NAMES) {
      expect(await opensslDigest(await fetch(`${server.url}/api/files/${model}/1/model.bin`))).toBe(
        file.digest,
      );
    }
    await at.nginx.quiet();
    const requests = await at.nginx.requests();
    const ranges = requests.map(({ range }) => range ?? { start: 0, end: SIZE }).sort((a, b) =>
      a.start - b.start
    );
    for (const [nth, { start }] of ranges.entries()) expect(start).toBe(ranges[nth - 1]?.end ?? 0);
    expect(requests.reduce((sum, one) => sum + one.bytesSent, 0)).toBe(SIZE);
  },
  TIMEOUT_MS,
);

/** A connection of its own for each: the client of this runtime opens no more than 256 at once. */
function post(body: string): string {
  const head = ["POST /api/models/download HTTP/1.1", "Host: localhost", "Connection: close"];
  const type = ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`];
  return [...head, ...type, "", body].join("\r\n");
}
