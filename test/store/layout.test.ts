import { expect, test } from "bun:test";
import { modelFolder, versionFolder } from "../../src/store/layout.ts";
import { codeOf } from "./store-fixture.ts";

test("M15: models whose names differ only in their separators have different folders", () => {
  const names = ["a--b/c", "a/b--c", "a/b/c", "a_b/c", "a.b/c", "a-b/c", "abc", "a/bc", "ab/c"];
  expect(new Set(names.map(modelFolder)).size).toBe(names.length);
  expect(modelFolder("a/b/c")).toBe("a+b+c");
  for (const name of names) expect(modelFolder(name)).not.toContain("/");
});

test("M16: models and versions that differ only in case have different folders where case is not kept", () => {
  const names = ["a/b", "A/b", "a/B", "A/B", "acme", "Acme", "aCME", "ACME"];
  expect(new Set(names.map((name) => modelFolder(name).toLowerCase())).size).toBe(names.length);
  expect(modelFolder("acme")).toBe("acme");
  expect(modelFolder("Acme")).toMatch(/^Acme,[0-9a-f]{16}$/);
  const versions = ["1.0.0-rc", "1.0.0-RC", "1.0.0-Rc", "v1", "V1"];
  expect(new Set(versions.map((version) => versionFolder(version).toLowerCase())).size).toBe(versions.length);
  expect(versionFolder("1.0.0+build.7")).toBe("1.0.0+build.7");
});

test("the longest names fit into a folder name and stay different", () => {
  const long = (end: string) => `${"a".repeat(96)}/${"b".repeat(96)}/${"c".repeat(95)}${end}`;
  expect(Buffer.byteLength(modelFolder(long("x")))).toBeLessThan(240);
  expect(modelFolder(long("x"))).not.toBe(modelFolder(long("y")));
});

test("a name that was not checked never becomes a path", async () => {
  for (const name of ["../evil", "/etc", "a/../b", "a\0b", "", "."]) {
    expect(await codeOf(() => modelFolder(name))).toBe("BAD_NAME");
    expect(await codeOf(() => versionFolder(name))).toBe("BAD_NAME");
  }
});
