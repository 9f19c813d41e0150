import { expect, test } from "bun:test";
import { startOrigin } from "../helpers/origin.ts";
import { failure } from "../net/client.ts";
import { clientOf, TINY } from "./setup.ts";

/** Unpacks to this much, of which a reader that unpacks would keep a good part. */
const BOMB_BYTES = 1024 ** 3;
const MEMORY_BYTES_MAX = 256 * 1024 ** 2;

/** A gibibyte of spaces in about a megabyte, packed piece by piece: gzip members may follow each other (RFC 1952, 2.2). */
function bomb(): Uint8Array<ArrayBuffer> {
  const piece = Bun.gzipSync(new Uint8Array(16 * 1024 ** 2).fill(0x20));
  return new Uint8Array(Buffer.concat(Array(BOMB_BYTES / (16 * 1024 ** 2)).fill(piece)));
}

test("F19: an answer of a hub that unpacks to a gibibyte is refused as it comes", async () => {
  await using hub = await startOrigin();
  hub.file("/api/models/acme/tiny/revision/main", bomb(), {
    headers: { "Content-Type": "application/json", "Content-Encoding": "gzip" },
  });
  const before = process.memoryUsage.rss();
  const error = await failure(clientOf([hub.origin]).scan(TINY));
  expect(error.code).toBe("HUB_ANSWER");
  expect(process.memoryUsage.rss() - before).toBeLessThan(MEMORY_BYTES_MAX);
});
