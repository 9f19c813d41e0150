import { expect, test } from "bun:test";
import { latestVersion } from "../../src/registry/index.ts";
import { compareSemver, parseSemver } from "../../src/registry/latest.ts";

const at = (createdAtS: number, version: string) => ({ version, createdAtS });

test("latest is the highest stable semantic version, whenever it came", () => {
  expect(latestVersion([at(9, "1.2.0"), at(1, "1.10.0"), at(5, "1.9.9")])).toBe("1.10.0");
  expect(latestVersion([at(1, "1.0.0"), at(2, "2.0.0-rc.1")])).toBe("1.0.0");
  expect(latestVersion([at(1, "v1.0.0"), at(2, "0.9.0")])).toBe("v1.0.0");
});

test("latest is the highest pre-release when nothing is stable", () => {
  expect(latestVersion([at(1, "2.0.0-rc.2"), at(2, "2.0.0-rc.1"), at(3, "1.0.0-beta")])).toBe("2.0.0-rc.2");
});

test("latest is the newest when one version is not semantic", () => {
  expect(latestVersion([at(9, "abc123"), at(1, "9.0.0")])).toBe("abc123");
  expect(latestVersion([at(1, "abc123"), at(9, "1.0.0"), at(3, "9.0.0")])).toBe("1.0.0");
  expect(latestVersion([at(1, "1.0"), at(2, "0.5")])).toBe("0.5");
});

test("latest of equals is the newer, then the greater name; of nothing it is nothing", () => {
  expect(latestVersion([at(2, "1.0.0+b"), at(3, "1.0.0+a")])).toBe("1.0.0+a");
  expect(latestVersion([at(1, "a"), at(1, "b")])).toBe("b");
  expect(latestVersion([])).toBeUndefined();
});

// The order is the example of Semantic Versioning 2.0.0 §11, with numbers beyond 2^53 added.
test("versions are ordered as Semantic Versioning says", () => {
  const order = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "2.0.0",
    "2.1.0",
    "2.1.1",
    "90071992547409910.0.0",
    "90071992547409911.0.0",
  ];
  const shuffled = [...order].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  expect(shuffled.sort((a, b) => compareSemver(parseSemver(a)!, parseSemver(b)!))).toEqual(order);
});

test("what is not a semantic version is not taken for one", () => {
  const wrong = ["1", "1.2", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3+", "x1.2.3", "1.2.3.4"];
  for (const text of wrong) expect(parseSemver(text)).toBeUndefined();
});
