import { expect, test } from "bun:test";
import { join } from "node:path";
import { FakeClock } from "../helpers/fake-clock.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { openRegistry, type Registry } from "../../src/registry/index.ts";
import { digestOf, versionOf } from "./fixtures.ts";

async function withRegistry(use: (registry: Registry) => Promise<void>): Promise<void> {
  await using folder = await tempFolder();
  const registry = await openRegistry({
    path: join(folder.path, "registry.sqlite"),
    clock: new FakeClock(1_000_000),
  });
  await use(registry);
  await registry.close();
}

test("a blob whose file was seen is known as verified then; one without is not", () =>
  withRegistry(async (registry) => {
    const [seen, unseen] = [digestOf("seen"), digestOf("unseen")];
    await registry.recordBlob({ digest: seen, sizeBytes: 4, modifiedMs: 77.5 });
    await registry.recordBlob({ digest: unseen, sizeBytes: 6 });
    expect(registry.findBlob(seen)).toMatchObject({ verifiedAtS: 1000, modifiedMs: 77.5 });
    expect(registry.findBlob(unseen)).toEqual({ digest: unseen, sizeBytes: 6, state: "intact" });
    await registry.recordBlob({ digest: seen, sizeBytes: 4 });
    expect(registry.findBlob(seen)).toMatchObject({ verifiedAtS: 1000, modifiedMs: 77.5 });
    await registry.setVerified([{ digest: seen }, { digest: unseen, modifiedMs: 5 }], 2000, {
      durable: false,
    });
    expect(registry.findBlob(seen)).toEqual({
      digest: seen,
      sizeBytes: 4,
      state: "intact",
      verifiedAtS: 2000,
    });
    expect(registry.findBlob(unseen)).toMatchObject({ verifiedAtS: 2000, modifiedMs: 5 });
  }));

test("neither a verification nor a setting makes others look again at what they know", () =>
  withRegistry(async (registry) => {
    await registry.recordBlob({ digest: digestOf("x"), sizeBytes: 1 });
    const before = registry.generation();
    await registry.setVerified([{ digest: digestOf("x") }], 2000);
    await registry.setSetting("scrub", "{}", { durable: false });
    expect([registry.generation(), registry.getSetting("scrub")]).toEqual([before, "{}"]);
  }));

test("lost is what is damaged or missing and wanted: by a variant that is here, or by a file of none", () =>
  withRegistry(async (registry) => {
    const version = versionOf("iris", "1.0.0", [
      { path: "here", content: "here" },
      { path: "away", content: "away" },
      { path: "alone", content: "alone" },
    ]);
    for (const content of ["here", "away", "alone", "stray"]) {
      await registry.recordBlob({ digest: digestOf(content), sizeBytes: content.length });
    }
    await registry.putVersion({
      ...version,
      variants: [
        { name: "q4", status: "downloaded", paths: ["here"] },
        { name: "q8", status: "available", paths: ["away"] },
      ],
    });
    expect(registry.lostBlobs(10)).toEqual([]);
    for (const content of ["here", "away", "stray"]) {
      await registry.setBlobState(digestOf(content), "damaged");
    }
    await registry.setBlobState(digestOf("alone"), "missing");
    const wanted = ["here", "away", "alone", "stray"].filter((content) =>
      registry.isWanted(digestOf(content))
    );
    expect(wanted).toEqual(["here", "alone"]);
    const lost = registry.lostBlobs(10);
    expect(lost.map(({ digest }) => digest)).toEqual([digestOf("here"), digestOf("alone")].sort());
    expect(lost.map(({ state }) => state).sort()).toEqual(["damaged", "missing"]);
    expect(registry.lostBlobs(1)).toHaveLength(1);
    expect([registry.countLost(10), registry.countLost(1)]).toEqual([2, 1]);
  }));
