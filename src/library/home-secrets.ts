import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { LarderError, systemCode } from "../core/index.ts";
import type { TokenRow } from "../registry/index.ts";
import { ADMIN_FILE_TOKEN, newSecret } from "./tokens.ts";

const SECRET = /^ldr_[\w-]{43}$/;

/** The small files of a home that nobody but its owner may read: tokens, ours and those of clients. */
export class HomeSecrets {
  readonly #adminPath: string;
  readonly #hubPath: string;
  readonly #tokensPath: string;

  /** @param home Its folder has to be there when something is written. */
  constructor(home: string) {
    this.#adminPath = join(home, ADMIN_FILE_TOKEN);
    this.#hubPath = join(home, "hub.token");
    this.#tokensPath = join(home, "tokens.json");
  }

  /** The token of whoever may read the home, for clients that cannot use the socket; made when there is none. */
  ensureAdminToken(): string {
    const present = readIfThere(this.#adminPath)?.trim();
    if (present !== undefined && SECRET.test(present)) return present;
    const secret = newSecret();
    writePrivately(this.#adminPath, `${secret}\n`);
    return secret;
  }

  readHubToken(): string | undefined {
    return readIfThere(this.#hubPath);
  }

  /** @param token Null forgets the one that is there. */
  writeHubToken(token: string | null): void {
    if (token === null) rmSync(this.#hubPath, { force: true });
    else writePrivately(this.#hubPath, `${token}\n`);
  }

  /**
   * The copy of the rows of clients' tokens: a registry that is built again without them would open a closed server.
   *
   * @throws {LarderError} IO when they are unreadable: better no server than an open one.
   */
  readTokens(): readonly TokenRow[] {
    const text = readIfThere(this.#tokensPath);
    if (text === undefined) return [];
    try {
      return JSON.parse(text) as readonly TokenRow[];
    } catch (error) {
      throw new LarderError("IO", "Cannot build the registry again: tokens.json is damaged", {
        hint: `Remove ${this.#tokensPath}: the tokens are then gone and have to be made anew.`,
        cause: error,
      });
    }
  }

  writeTokens(rows: readonly TokenRow[]): void {
    writePrivately(this.#tokensPath, JSON.stringify(rows));
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Replaces a small file in one step; nobody but its owner may read it, whatever the umask is. */
function writePrivately(path: string, text: string): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const fd = openSync(`${path}.tmp`, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    fchmodSync(fd, 0o600);
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.tmp`, path);
}
