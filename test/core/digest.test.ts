import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  digestFromBytes,
  digestToBytes,
  equalDigests,
  isLarderError,
  parseDigest,
  Sha256,
  sha256,
} from "../../src/core/index.ts";

/** FIPS 180-2, appendix B.1. */
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

test("sha256() agrees with the standard's example", () => {
  expect(String(sha256("abc"))).toBe(ABC);
});

test("parseDigest() takes 64 lower-case digits, with and without the algorithm", () => {
  expect(String(parseDigest(ABC))).toBe(ABC);
  expect(String(parseDigest(`sha256:${ABC}`))).toBe(ABC);
});

test("M12: a malformed digest is refused, naming the field", () => {
  const malformed = [
    ...[
      "",
      "sha256:",
      "sha256:../../x",
      ABC.toUpperCase(),
      ABC.slice(1),
      `${ABC}0`,
      ABC.replace("b", "g"),
      `${ABC}\n`,
      ` ${ABC}`,
    ],
    ...[
      `sha512:${ABC}`,
      `md5:${ABC}`,
      `SHA256:${ABC}`,
      `sha256:sha256:${ABC}`,
      `sha256-${ABC}`,
      "../../../etc/passwd",
    ],
  ];
  for (const text of malformed) {
    try {
      parseDigest(text, "files[0].sha256");
      throw new Error(`accepted ${text}`);
    } catch (error) {
      expect([text, isLarderError(error, "BAD_DIGEST") && error.field]).toEqual([text, "files[0].sha256"]);
    }
  }
});

test("a digest survives the way to bytes and back", () => {
  const digest = parseDigest(ABC);
  expect(digestToBytes(digest)).toHaveLength(32);
  expect(digestFromBytes(digestToBytes(digest))).toBe(digest);
  expect(equalDigests(digest, parseDigest(ABC))).toBe(true);
  expect(equalDigests(digest, sha256("abd"))).toBe(false);
});

test("a fork goes on from its state and leaves the original alone", () => {
  const whole = new Sha256().update("ab");
  const fork = whole.fork();
  expect(String(fork.update("X").digest())).toBe(createHash("sha256").update("abX").digest("hex"));
  expect(String(whole.update("c").digest())).toBe(ABC);
});
