import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  digestFromBytes,
  digestToBytes,
  equalDigests,
  GitBlobHash,
  gitBlobOid,
  isLarderError,
  parseDigest,
  parseGitOid,
  Sha256,
  sha256,
} from "../../src/core/index.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { testWith } from "../helpers/tools.ts";

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

/** Pro Git, 2nd edition, section 10.2, Object Storage. */
const DOC = { bytes: Buffer.from("what is up, doc?"), oid: "bd9dbf5aae1a3862dd1526723246b20206e5fc37" };

test("gitBlobOid() agrees with the book's example, and knows the empty file", () => {
  expect(gitBlobOid(DOC.bytes)).toBe(DOC.oid);
  expect(gitBlobOid(new Uint8Array())).toBe("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
});

test("a Git object name comes piece by piece too, and depends on the length that was said", () => {
  const pieces = [DOC.bytes.subarray(0, 5), DOC.bytes.subarray(5, 5), DOC.bytes.subarray(5)];
  const namedFor = (sizeBytes: number) =>
    pieces.reduce((hash, piece) => hash.update(piece), new GitBlobHash(sizeBytes)).digest();
  expect(namedFor(DOC.bytes.length)).toBe(DOC.oid);
  expect(namedFor(DOC.bytes.length + 1)).not.toBe(DOC.oid);
});

testWith(["git"], "gitBlobOid() agrees with git", () => {
  for (const sizeBytes of [0, 1, 9, 10, 65_536, 1_048_577]) {
    const bytes = pseudoRandomBytes(sizeBytes, sizeBytes);
    const env = { ...process.env, GIT_DEFAULT_HASH: "sha1" };
    const { stdout } = Bun.spawnSync(["git", "hash-object", "--no-filters", "--stdin"], {
      stdin: bytes,
      env,
    });
    expect([sizeBytes, gitBlobOid(bytes)]).toEqual([sizeBytes, stdout.toString().trim()]);
  }
});

test("parseGitOid() takes 40 lower-case digits and refuses all else, naming the field", () => {
  expect(parseGitOid(DOC.oid)).toBe(DOC.oid);
  const malformed = [
    "",
    DOC.oid.slice(1),
    `${DOC.oid}0`,
    DOC.oid.toUpperCase(),
    `${DOC.oid}\n`,
    ` ${DOC.oid}`,
  ];
  for (const text of [...malformed, DOC.oid.replace("b", "g"), `sha1:${DOC.oid}`, ABC, "../../etc"]) {
    try {
      parseGitOid(text, "files[0].oid");
      throw new Error(`accepted ${text}`);
    } catch (error) {
      expect([text, isLarderError(error, "BAD_DIGEST") && error.field]).toEqual([text, "files[0].oid"]);
    }
  }
});
