import { expect, test } from "bun:test";
import { EXIT_OF, exitOfSignal } from "../../src/cli/exit-codes.ts";
import { ERROR_CODES, type ErrorCode } from "../../src/core/index.ts";

test("every error code has an exit code that the help names", () => {
  const named = new Set([1, 2, 69, 73, 75, 76, 77, 78]);
  expect(Object.keys(EXIT_OF).sort()).toEqual([...ERROR_CODES].sort());
  for (const code of ERROR_CODES) expect(named).toContain(EXIT_OF[code]);
});

test.each<[ErrorCode, number]>([
  ["USAGE", 2],
  ["BAD_DIGEST", 2],
  ["SOURCE_REQUIRED", 2],
  ["UPSTREAM_UNREACHABLE", 69],
  ["UPSTREAM_NOT_FOUND", 69],
  ["DNS", 69],
  ["NO_SPACE", 73],
  ["NO_INODES", 73],
  ["HOME_LOCKED", 75],
  ["BUSY", 75],
  ["DIGEST_MISMATCH", 76],
  ["BLOB_DAMAGED", 76],
  ["UNAUTHORIZED", 77],
  ["FORBIDDEN", 77],
  ["SSRF_BLOCKED", 77],
  ["CONFIG", 78],
  ["SCHEMA_NEWER", 78],
  ["MODEL_NOT_FOUND", 1],
  ["HUB_GATED", 77],
  ["HUB_TOKEN_INVALID", 77],
  ["REPO_DISABLED", 77],
  ["REPO_NOT_FOUND", 1],
  ["REVISION_NOT_FOUND", 1],
  ["HUB_FILE_NOT_FOUND", 1],
  ["VARIANT_NOT_FOUND", 1],
  ["HUB_ANSWER", 69],
  ["OFFLINE", 69],
  ["DOES_NOT_FIT_MEMORY", 73],
])("%s exits with %d", (code, exit) => expect(EXIT_OF[code]).toBe(exit as never));

test("a verb that a signal ended exits with 128 and its number", () => {
  expect([exitOfSignal("SIGINT"), exitOfSignal("SIGTERM")]).toEqual([130, 143]);
});
