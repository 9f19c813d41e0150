import { expect, test } from "bun:test";
import type { Registry } from "../../src/registry/index.ts";
import { waitUntil } from "../helpers/wait.ts";
import { versionOf, withRegistry } from "./fixtures.ts";

/** In this process nobody else may open the file: closing it would drop the locks of the registry. */
function writeElsewhere(path: string, sql: string): void {
  const script = `
    const { Database } = require("bun:sqlite");
    const db = new Database(${JSON.stringify(path)});
    db.run("PRAGMA busy_timeout = 5000");
    db.run(${JSON.stringify(sql)});
    db.close(true);
  `;
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

const SETTING =
  "INSERT INTO settings VALUES ('elsewhere', '1') ON CONFLICT (key) DO UPDATE SET value = value || '1'";

test("another process's write is noticed once, and grows the generation", () =>
  withRegistry(async (registry, path) => {
    await registry.putVersion(versionOf("iris", "1"));
    expect(await registry.foreignWrites()).toBe(0);
    const before = registry.generation();
    writeElsewhere(path, SETTING);
    expect(await registry.foreignWrites()).toBe(1);
    expect(registry.generation()).toBe(before + 1);
    expect(registry.foreignWrites()).toBe(1);
    writeElsewhere(path, SETTING);
    writeElsewhere(path, SETTING);
    expect(await registry.foreignWrites()).toBe(2);
  }));

test("the registry's own writes are nobody else's, also between and after others", () =>
  withRegistry(async (registry, path) => {
    for (let n = 0; n < 5; n++) {
      await registry.setSetting("own", String(n));
      expect(await registry.foreignWrites()).toBe(0);
    }
    writeElsewhere(path, SETTING);
    await registry.setSetting("own", "between");
    expect(await registry.foreignWrites()).toBe(1);
    await registry.setSetting("own", "after");
    expect(await registry.foreignWrites()).toBe(1);
    expect(registry.getSetting("own")).toBe("after");
  }));

test("many who look at once share the question, and all learn of what was written before they looked", () =>
  withRegistry(async (registry, path) => {
    const own = registry.setSetting("own", "1");
    const early = Array.from({ length: 10 }, () => registry.foreignWrites());
    writeElsewhere(path, SETTING);
    const late = Array.from({ length: 10 }, () => registry.foreignWrites());
    await own;
    for (const count of await Promise.all(late)) expect(count).toBe(1);
    for (const count of await Promise.all(early)) expect(count).toBeLessThanOrEqual(1);
  }));

test("nobody has to look: the generation grows by itself within seconds", () =>
  withRegistry(async (registry, path) => {
    const before = registry.generation();
    writeElsewhere(path, SETTING);
    await waitUntil(() => registry.generation() > before);
  }));

test("when the file was written is known, in its log too", () =>
  withRegistry(async (registry) => {
    const before = Date.now() / 1000;
    await registry.setSetting("own", "1");
    const modifiedAtS = registry.modifiedAtS() ?? 0;
    // File systems tell the time in ticks of some milliseconds.
    expect(modifiedAtS).toBeGreaterThan(before - 0.1);
    expect(modifiedAtS).toBeLessThan(Date.now() / 1000 + 0.1);
  }));

test("a listed model tells what its latest version is made of and where from", () =>
  withRegistry(async (registry) => {
    await registry.putVersion(
      versionOf("acme/chat", "1.0.0", [{ path: "model.safetensors", content: "old" }], 50),
    );
    await registry.putVersion(
      versionOf("acme/chat", "1.1.0", [{ path: "a/model-Q4.GGUF", content: "12345" }], 60),
    );
    await registry.putScan({ model: "acme/chat", version: "1.1.0", scannedAtS: 1, document: {} });
    const use = { version: "1.1.0", variant: "default", count: 3, usedAtS: 900, loadsMs: [] };
    await registry.recordUses({ variants: [{ model: "acme/chat", ...use }], hours: [], follows: [] });
    const local = versionOf("iris", "1", [{ path: "model.onnx", content: "1234567" }], 70);
    await registry.putVersion({
      ...local,
      files: local.files.map((file) => ({
        ...file,
        sources: [{ kind: "path", location: "/data/model.onnx" }],
      })),
      variants: [
        { name: "default", status: "downloaded", paths: ["model.onnx"] },
        { name: "b", status: "downloaded", paths: ["model.onnx"] },
        { name: "lost", status: "available", paths: [] },
      ],
    });
    const chat = {
      ...{ model: "acme/chat", versionCount: 2, latest: "1.1.0", sizeBytes: 8, variants: ["default"] },
      ...{ format: "gguf", isScanned: true, hasUrl: true, uses: 3, usedAtS: 900 },
    };
    const iris = {
      ...{ model: "iris", versionCount: 1, latest: "1", sizeBytes: 7, variants: ["b", "default"] },
      ...{ format: "onnx", isScanned: false, hasUrl: false, uses: 0, usedAtS: undefined },
    };
    const rows = registry.listedModels({ limit: 10 });
    expect(rows.map(({ updatedAtS: _, ...row }) => row)).toEqual([chat, iris] as never);
    expect(registry.listedModels({ limit: 1, after: "acme/chat" })).toEqual([rows[1]!]);
    expect(registry.findListedModel("iris")).toEqual(rows[1]!);
    expect(registry.findListedModel("nobody")).toBeUndefined();
  }));

test("models that were only scanned or tried are known by name, in pages", () =>
  withRegistry(async (registry) => {
    await registry.putScan({ model: "b/scanned", version: "1", scannedAtS: 1, document: {} });
    await registry.putScan({ model: "b/scanned", version: "2", scannedAtS: 2, document: {} });
    await note(registry, "a/failed", "q4", 10);
    await note(registry, "a/failed", "q8", 20);
    await note(registry, "b/scanned", "q4", 30);
    expect(registry.triedModels({ limit: 10 })).toEqual(["a/failed", "b/scanned"]);
    expect(registry.triedModels({ limit: 1 })).toEqual(["a/failed"]);
    expect(registry.triedModels({ limit: 1, after: "a/failed" })).toEqual(["b/scanned"]);
    expect(registry.findAbsentModel("a/failed")).toEqual({
      model: "a/failed",
      notes: [
        { version: "1", variant: "q8", updatedAtS: 20 },
        { version: "1", variant: "q4", updatedAtS: 10 },
      ],
    });
    expect(registry.findAbsentModel("b/scanned")?.scan).toEqual({ version: "2", scannedAtS: 2 });
    expect(registry.findAbsentModel("nobody")).toBeUndefined();
  }));

function note(registry: Registry, model: string, variant: string, updatedAtS: number): Promise<void> {
  const error = { code: "DNS", message: "Cannot find the host", retryable: true } as const;
  return registry.putVariantNote({ model, version: "1", variant, bytesDone: 0, error, updatedAtS });
}
