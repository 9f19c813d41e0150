import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { openTestLibrary, pullAndWait } from "../helpers/library.ts";
import { pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";

const MIB = 1024 * 1024;

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("pull() keeps a small file and names it", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const bytes = pseudoRandomBytes(1, 100_000);
  const url = origin.file("/x.bin", bytes, { etag: '"a"' });
  const pull = await pullAndWait(larder.library, {
    model: "acme/x",
    revision: "1.0.0",
    files: [{ path: "x.bin", urls: [url], sha256: digestOf(bytes) }],
  });
  expect(pull.error).toBeNull();
  expect(pull.state).toBe("done");
  const served = await larder.library.serveFile("acme/x", "latest", "x.bin");
  expect(digestOf(await Bun.file(served.path).bytes())).toBe(digestOf(bytes));
});

test("pull() keeps a long file over several connections, with the digest of every chunk", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const bytes = pseudoRandomBytes(2, 90 * MIB + 12345);
  const url = origin.file("/x.bin", bytes, { etag: '"a"' });
  const pull = await pullAndWait(larder.library, { model: "x", files: [{ path: "x.bin", urls: [url] }] });
  expect(pull.error).toBeNull();
  expect(pull.files[0]?.sha256).toBe(digestOf(bytes));
  const row = larder.registry.findBlob(digestOf(bytes) as never);
  expect(Buffer.from(row?.chunkDigests?.subarray(32, 64) ?? []).toString("hex")).toBe(
    digestOf(bytes.subarray(5 * MIB, 10 * MIB)),
  );
});
