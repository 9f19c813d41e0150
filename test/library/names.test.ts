import { expect, test } from "bun:test";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, pullAndWait, type TestLibrary, waitForPull } from "../helpers/library.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";

async function pulled(
  larder: TestLibrary,
  origin: Origin,
  model: string,
  revision: string,
  content: string,
): Promise<void> {
  const url = origin.file(`/${digestOf(content)}`, new TextEncoder().encode(content));
  const pull = await pullAndWait(larder.library, {
    model,
    revision,
    files: [{ path: "m.bin", urls: [url] }],
  });
  expect(pull.error).toBeNull();
}

test("latest is the highest stable version, and an alias stays where it was put", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  for (const version of ["1.9.0", "1.10.0", "2.0.0-rc.1"]) {
    await pulled(larder, origin, "iris", version, version);
  }
  await larder.library.setAlias("iris", "stable", "1.9.0");
  expect((await larder.library.describe("iris")).version.version).toBe("1.10.0");
  expect((await larder.library.describe("iris@stable")).version.version).toBe("1.9.0");
  await larder.library.setAlias("iris", "stable", "latest");
  expect((await larder.library.describe("iris")).aliases).toEqual({ stable: "1.10.0" });
  await larder.library.removeAlias("iris", "stable");
  await expect(larder.library.describe("iris@stable")).rejects.toMatchObject({ code: "VERSION_NOT_FOUND" });
});

test("a version never changes: other content under its name is refused before anything is fetched", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  await pulled(larder, origin, "iris", "1", "one");
  origin.requests.length = 0;
  const url = origin.file("/other", new TextEncoder().encode("other"));
  const request = {
    model: "iris",
    revision: "1",
    files: [{ path: "m.bin", urls: [url], sha256: digestOf("other") }],
  };
  await expect(larder.library.pull(request)).rejects.toMatchObject({ code: "VERSION_EXISTS" });
  expect(origin.requests).toEqual([]);
  const unknown = await pullAndWait(larder.library, {
    model: "iris",
    revision: "1",
    files: [{ path: "m.bin", urls: [url] }],
  });
  expect(unknown.error?.code).toBe("VERSION_EXISTS");
  expect((await larder.library.describe("iris@1")).version.files[0]?.sha256).toBe(digestOf("one"));
});

test("the same content without a version gets the same version, whatever the order of its files", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const files = ["a", "b"].map((path) => ({
    path,
    urls: [origin.file(`/${path}`, new TextEncoder().encode(path))],
  }));
  const one = await pullAndWait(larder.library, { model: "x", files });
  const two = await pullAndWait(larder.library, { model: "x", files: [...files].reverse() });
  const lines = [`a\0${digestOf("a")}\n`, `b\0${digestOf("b")}\n`].join("");
  expect([one.version, two.version]).toEqual([digestOf(lines).slice(0, 12), digestOf(lines).slice(0, 12)]);
});

test("a second variant joins the version and shares the files that are the same", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const file = (path: string, content: string) => ({
    path,
    urls: [origin.file(`/${path}`, new TextEncoder().encode(content))],
  });
  await pullAndWait(larder.library, {
    model: "x",
    revision: "1",
    variant: "q4",
    files: [file("config", "c"), file("q4.bin", "4")],
  });
  await pullAndWait(larder.library, {
    model: "x",
    revision: "1",
    variant: "q8",
    files: [file("config", "c"), file("q8.bin", "8")],
  });
  const { version } = await larder.library.describe("x@1:q8");
  expect(version.variants.map(({ name, files }) => [name, files.toSorted()]).toSorted()).toEqual([
    ["q4", ["config", "q4.bin"]],
    ["q8", ["config", "q8.bin"]],
  ]);
  expect(version.files.length).toBe(3);
  await expect(larder.library.describe("x@1:q2")).rejects.toMatchObject({ code: "VARIANT_NOT_FOUND" });
});

test("C05: one digest under three names is fetched once and kept once", async () => {
  await using origin = await startOrigin({ bytesPerSecond: 2_000_000 });
  await using larder = await openTestLibrary();
  const bytes = pseudoRandomBytes(1, 1_000_000);
  const url = origin.file("/x", bytes);
  const ids = await Promise.all(
    ["a", "b", "c"].map(async (model) =>
      (await larder.library.pull({
        model,
        revision: "1",
        files: [{ path: "x", urls: [url], sha256: digestOf(bytes) }],
      })).id
    ),
  );
  for (const id of ids) expect((await waitForPull(larder.library, id)).state).toBe("done");
  expect(origin.requestsFor("/x", "GET").length).toBe(1);
  const names = await readdir(join(larder.home, "blobs", "sha256", digestOf(bytes).slice(0, 2)));
  expect(names).toEqual([digestOf(bytes)]);
});

test("C01: 1,000 requests for one digest under three names cause one upstream GET per range", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary({
    tuning: { stallMs: 20_000, crawlMs: 20_000 },
    headersMs: 20_000,
  });
  const bytes = pseudoRandomBytes(2, 80 * 1024 * 1024);
  const sha256 = digestOf(bytes);
  const url = origin.file("/x", bytes, { etag: '"x"' });
  const pulls = await Promise.all(
    Array.from({ length: 1000 }, (_, index) =>
      larder.library.pull({
        model: `name-${index % 3}`,
        revision: "1",
        files: [{ path: "x", urls: [url], sha256 }],
      })),
  );
  expect(new Set(pulls.map(({ id }) => id)).size).toBe(3);
  for (const { id } of pulls.slice(0, 3)) expect((await waitForPull(larder.library, id)).error).toBeNull();
  const asked = origin.requestsFor("/x", "GET").map(({ range }) =>
    [range?.start ?? 0, range?.end ?? bytes.length] as const
  );
  const inOrder = asked.toSorted(([a], [b]) => a - b);
  // Every byte was asked for exactly once: the ranges join without a gap or an overlap.
  expect(inOrder[0]?.[0]).toBe(0);
  for (const [index, [start]] of inOrder.entries()) {
    if (index > 0) expect(start).toBe(inOrder[index - 1]?.[1] ?? -1);
  }
  expect(inOrder.at(-1)?.[1]).toBe(bytes.length);
}, 20_000);

test("C02: a failing upstream is asked once for all who wait, and each of them is told", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const digest = digestOf("never there");
  const url = origin.url("/absent");
  const ids = await Promise.all(
    ["a", "b", "c"].map(async (model) =>
      (await larder.library.pull({ model, files: [{ path: "x", urls: [url], sha256: digest }] })).id
    ),
  );
  for (const id of ids) {
    expect((await waitForPull(larder.library, id)).error?.code).toBe("UPSTREAM_NOT_FOUND");
  }
  expect(origin.requestsFor("/absent", "GET").length).toBe(1);
});

test("C03: one pull that is cancelled does not end the transfer for the others", async () => {
  await using origin = await startOrigin({ bytesPerSecond: 4_000_000 });
  await using larder = await openTestLibrary();
  const bytes = pseudoRandomBytes(3, 2_000_000);
  const url = origin.file("/x", bytes);
  const [first, second] = await Promise.all(
    ["a", "b"].map((model) =>
      larder.library.pull({ model, files: [{ path: "x", urls: [url], sha256: digestOf(bytes) }] })
    ),
  );
  for await (const view of larder.library.watchPull(second?.id ?? "")) if (view.bytes_done > 0) break;
  expect((await larder.library.cancelPull(first?.id ?? "")).state).toBe("cancelled");
  expect((await waitForPull(larder.library, second?.id ?? "")).state).toBe("done");
  expect(origin.requestsFor("/x", "GET").length).toBe(1);
});

test("C06: a removed model is gone by name at once while its open reader finishes", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  const bytes = pseudoRandomBytes(4, 300_000);
  const url = origin.file("/x", bytes);
  await pullAndWait(larder.library, { model: "x", revision: "1", files: [{ path: "x", urls: [url] }] });
  const { path } = await larder.library.serveFile("x", "1", "x");
  const reader = Bun.file(path).stream().getReader();
  const first = (await reader.read()).value ?? new Uint8Array();
  expect(await larder.library.remove("x")).toEqual({
    model: "x",
    versions: ["1"],
    bytes_freed: bytes.length,
  });
  expect(() => larder.library.serveFile("x", "1", "x")).toThrow(
    expect.objectContaining({ code: "MODEL_NOT_FOUND" }),
  );
  const rest: Uint8Array[] = [first];
  for (let next = await reader.read(); !next.done; next = await reader.read()) rest.push(next.value);
  expect(digestOf(Buffer.concat(rest))).toBe(digestOf(bytes));
  expect(await Bun.file(path).exists()).toBe(false);
});

test("remove() of one version keeps the bytes that another one has", async () => {
  await using origin = await startOrigin();
  await using larder = await openTestLibrary();
  await pulled(larder, origin, "x", "1", "same");
  await pulled(larder, origin, "x", "2", "same");
  expect(await larder.library.remove("x@1")).toEqual({ model: "x", versions: ["1"], bytes_freed: 0 });
  expect((await larder.library.serveFile("x", "2", "m.bin")).sizeBytes).toBe(4);
});

test("path() gives a folder with real names, and importing a folder keeps them", async () => {
  await using larder = await openTestLibrary();
  const folder = join(larder.home, "..", "model");
  await mkdir(join(folder, "onnx"), { recursive: true });
  await Bun.write(join(folder, "config.json"), "{}");
  await Bun.write(join(folder, "onnx", "model.onnx"), "weights");
  await symlink("/etc/passwd", join(folder, "link"));
  let job = await larder.library.importPath({
    path: folder,
    model: "acme/tiny",
    version: "1.0.0",
    aliases: ["stable"],
  });
  for await (job of larder.library.watchJob(job.id));
  expect(job.error).toBeNull();
  const view = await larder.library.path("acme/tiny@stable");
  expect(view.files.map(({ path }) => path)).toEqual(["config.json", "onnx/model.onnx"]);
  expect(await Bun.file(join(view.folder, "onnx", "model.onnx")).text()).toBe("weights");
});

test("a damaged, then a deleted registry is rebuilt: names, versions, aliases and digests are back, nothing is fetched", async () => {
  await using origin = await startOrigin();
  const first = await openTestLibrary();
  const home = first.home;
  await using _folder = first;
  await pulled(first, origin, "iris", "1.0.0", "one");
  await pulled(first, origin, "iris", "1.1.0", "two");
  await first.library.setAlias("iris", "stable", "1.0.0");
  const before = await first.library.describe("iris@stable");
  await first.close();
  origin.requests.length = 0;
  const harms = [
    () => Bun.write(join(home, "registry.sqlite"), "this is not a database"),
    async () => {
      for (const name of (await readdir(home)).filter((entry) => entry.startsWith("registry.sqlite"))) {
        await Bun.file(join(home, name)).delete();
      }
    },
  ];
  for (const harm of harms) {
    await harm();
    const again = await openTestLibrary({ home });
    expect(await again.library.describe("iris@stable")).toEqual(before);
    expect((await again.library.serveFile("iris", "latest", "m.bin")).digest).toBe(digestOf("two"));
    await again.close();
  }
  expect(origin.requests).toEqual([]);
});
