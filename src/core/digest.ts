import { timingSafeEqual } from "node:crypto";
import { LarderError } from "./errors.ts";

declare const digestBrand: unique symbol;

/** A SHA-256 digest as 64 lower-case hexadecimal digits. Only {@link parseDigest} and {@link Sha256} make one. */
export type Digest = string & { readonly [digestBrand]: true };

export const DIGEST_BYTES = 32;

const DIGEST_PATTERN = /^[0-9a-f]{64}$/;
const PREFIX = "sha256:";

/**
 * The one parser of digests from outside: `sha256:<64 hex>` or `<64 hex>`, lower case.
 *
 * @throws {LarderError} BAD_DIGEST
 */
export function parseDigest(text: string, field = "sha256"): Digest {
  const hex = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  if (DIGEST_PATTERN.test(hex)) return hex as Digest;
  throw new LarderError(
    "BAD_DIGEST",
    `Cannot read ${field} ${JSON.stringify(text.slice(0, 100))} as a digest`,
    {
      field,
      hint: 'Give 64 lower-case hexadecimal digits, with or without "sha256:" before them.',
    },
  );
}

/** Bytes to digest; `bytes` holds 32. */
export function digestFromBytes(bytes: Uint8Array): Digest {
  return parseDigest(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex"));
}

export function digestToBytes(digest: Digest): Uint8Array {
  return Uint8Array.from(Buffer.from(digest, "hex"));
}

/** A running SHA-256. `fork` keeps a state to come back to: a state cannot be written down, only copied in memory. */
export class Sha256 {
  #hasher: Bun.CryptoHasher;

  constructor(hasher: Bun.CryptoHasher = new Bun.CryptoHasher("sha256")) {
    this.#hasher = hasher;
  }

  update(bytes: Uint8Array | string): this {
    this.#hasher.update(bytes);
    return this;
  }

  fork(): Sha256 {
    return new Sha256(this.#hasher.copy());
  }

  /** Ends this hash; it takes no more bytes. */
  digest(): Digest {
    return this.#hasher.digest("hex") as Digest;
  }
}

export function sha256(bytes: Uint8Array | string): Digest {
  return new Sha256().update(bytes).digest();
}

const GIT_OID_PATTERN = /^[0-9a-f]{40}$/;

/**
 * The one parser of Git object names from outside: 40 hexadecimal digits, lower case. It stays a string: that it is well formed
 * says nothing of any bytes here.
 *
 * @throws {LarderError} BAD_DIGEST
 */
export function parseGitOid(text: string, field = "git_oid"): string {
  if (GIT_OID_PATTERN.test(text)) return text;
  throw new LarderError(
    "BAD_DIGEST",
    `Cannot read ${field} ${JSON.stringify(text.slice(0, 100))} as a Git object name`,
    { field, hint: "Give 40 lower-case hexadecimal digits." },
  );
}

/**
 * A running Git object name of a file: the SHA-1 of `blob`, a space, the length in decimal digits, a zero byte, and the bytes.
 *
 * @see Pro Git, 2nd edition, section 10.2, Object Storage.
 */
export class GitBlobHash {
  readonly #hasher = new Bun.CryptoHasher("sha1");

  /** @param sizeBytes Of the whole file: the name begins with it. */
  constructor(sizeBytes: number) {
    this.#hasher.update(`blob ${sizeBytes}\0`);
  }

  update(bytes: Uint8Array): this {
    this.#hasher.update(bytes);
    return this;
  }

  /** 40 lower-case hexadecimal digits. Ends this hash; it takes no more bytes. */
  digest(): string {
    return this.#hasher.digest("hex");
  }
}

export function gitBlobOid(bytes: Uint8Array): string {
  return new GitBlobHash(bytes.byteLength).update(bytes).digest();
}

/** Compares two digests in constant time. */
export function equalDigests(a: Digest, b: Digest): boolean {
  return timingSafeEqual(digestToBytes(a), digestToBytes(b));
}
