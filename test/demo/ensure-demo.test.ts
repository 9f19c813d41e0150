import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { LarderError } from "../../src/core/index.ts";
import type { JobView } from "../../src/library/index.ts";
import { DEMO_MODEL, ensureDemo } from "../../src/demo/index.ts";
import { digestOf } from "../helpers/digest.ts";
import { openTestLibrary, type TestLibrary } from "../helpers/library.ts";
import { tempFolder } from "../helpers/temp-folder.ts";

const COMMITTED = join(import.meta.dir, "../../src/demo/iris");

function committed(version: string, name: string): Buffer {
  return readFileSync(join(COMMITTED, version, name));
}

/** What each committed version says of itself. */
function metricsOf(version: string): unknown {
  return JSON.parse(committed(version, "metadata.json").toString()).metrics;
}

function offer({ library, home }: TestLibrary): Promise<void> {
  return ensureDemo({ library, folder: join(home, "demo") });
}

test("ensureDemo() imports both versions with their metrics, byte for byte", async () => {
  await using larder = await openTestLibrary();
  await offer(larder);
  for (const version of ["1.0.0", "1.1.0"]) {
    const view = await larder.library.describe(`${DEMO_MODEL}@${version}`);
    const names = ["metadata.json", "model.onnx"];
    expect(view.version.files.map(({ path, sha256, state }) => [path, sha256, state])).toEqual(
      names.map((name) => [name, digestOf(committed(version, name)), "intact"]),
    );
    expect(view.version.metrics).toEqual(metricsOf(version) as Record<string, number>);
  }
  const { best, versions } = await larder.library.describe(DEMO_MODEL);
  expect(best).toEqual({ version: "1.1.0", metric: "f1" });
  expect(versions.map((one) => one.metrics)).toEqual([metricsOf("1.1.0"), metricsOf("1.0.0")] as never);
});

test("ensureDemo() leaves alone what is there, and brings back what was removed", async () => {
  await using larder = await openTestLibrary();
  await offer(larder);
  await larder.library.remove(`${DEMO_MODEL}@1.0.0`);
  const before = (await larder.library.describe(`${DEMO_MODEL}@1.1.0`)).version;
  const jobs = (await larder.library.listJobs()).length;
  await offer(larder);
  expect((await larder.library.describe(`${DEMO_MODEL}@1.1.0`)).version).toEqual(before);
  expect((await larder.library.describe(`${DEMO_MODEL}@1.0.0`)).version.metrics).toEqual(
    metricsOf("1.0.0") as Record<string, number>,
  );
  expect(await larder.library.listJobs()).toHaveLength(jobs + 1);
});

test("what ensureDemo() unpacked is a source that still has the bytes, for its owner only", async () => {
  await using larder = await openTestLibrary();
  await offer(larder);
  const { version } = await larder.library.describe(`${DEMO_MODEL}@1.1.0`);
  for (const { path, sources } of version.files) {
    expect([...sources]).toEqual([join(larder.home, "demo/iris/1.1.0", path)]);
    expect(digestOf(readFileSync(sources[0]!))).toBe(digestOf(committed("1.1.0", path)));
    expect(statSync(sources[0]!).mode & 0o777).toBe(0o600);
  }
  const model = version.files.find(({ path }) => path === "model.onnx")!;
  await rm(join(larder.home, "blobs/sha256", model.sha256.slice(0, 2), model.sha256));
  let job = await larder.library.repair({ targets: [`${DEMO_MODEL}@1.1.0`] });
  for await (job of larder.library.watchJob(job.id));
  expect(job).toMatchObject({ state: "done", result: { failed: [] } });
  expect((await larder.library.describe(`${DEMO_MODEL}@1.1.0`)).version.files.map(({ state }) => state))
    .toEqual([
      "intact",
      "intact",
    ]);
});

test("ensureDemo() ends with what its import ended with", async () => {
  await using folder = await tempFolder();
  const job: JobView = {
    ...{ id: "j1", kind: "import", state: "running", error: null, result: null, dry_run: false },
    ...{ bytes_done: 0, bytes_total: null, created_at: 1, finished_at: null },
  };
  const ending = (state: "failed" | "cancelled", error: LarderError | null) => ({
    describe: () => Promise.reject(new LarderError("MODEL_NOT_FOUND", "Cannot find it")),
    importPath: () => Promise.resolve(job),
    async *watchJob() {
      yield { ...job, state, error: error?.toRecord() ?? null };
    },
  });
  const codeWith = (...end: Parameters<typeof ending>) =>
    ensureDemo({ library: ending(...end), folder: folder.path }).then(() => "none", (error) => error.code);
  expect(await codeWith("failed", new LarderError("NO_SPACE", "Cannot write"))).toBe("NO_SPACE");
  expect(await codeWith("cancelled", null)).toBe("CANCELLED");
});

test("ensureDemo() does not take an unreadable registry for an empty one", async () => {
  await using folder = await tempFolder();
  const library = {
    describe: () => Promise.reject(new LarderError("IO", "Cannot read")),
    importPath: () => Promise.reject(new Error("asked all the same")),
    watchJob: () => {
      throw new Error("asked all the same");
    },
  };
  const code = await ensureDemo({ library, folder: folder.path }).then(() => "none", (error) => error.code);
  expect(code).toBe("IO");
});
