import { type Clock, equalDigests, LarderError, sha256 } from "../core/index.ts";
import type { Registry, TokenRow } from "../registry/index.ts";
import { type Scope, SCOPES, type TokenView } from "./types.ts";

const SECRET_BYTES = 32;
const PREFIX = "ldr_";
const NAME = /^[\p{L}\p{N} ._@-]{1,64}$/u;
/** The token that larder makes for whoever may read the home; it does not close the door to loopback. */
export const ADMIN_FILE_TOKEN = "admin.token";

/** Secrets are shown once and kept as digests. */
export class Tokens {
  #isOpen: boolean | undefined;

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
    /** Called after every change with all rows, to mirror them beside the registry. */
    private readonly mirror: (rows: readonly TokenRow[]) => Promise<void>,
  ) {}

  async create(
    request: { readonly name: string; readonly scopes: readonly Scope[]; readonly expires_in_s?: number },
  ): Promise<TokenView> {
    checkName(request.name);
    const scopes = checkScopes(request.scopes);
    const expires = request.expires_in_s === undefined
      ? {}
      : { expiresAtS: this.clock.nowS() + checkExpiry(request.expires_in_s) };
    return await this.#put(request.name, scopes, expires, newSecret());
  }

  /** Makes the file token known, as often as the owner of the home starts. */
  async ensureFileToken(secret: string): Promise<void> {
    const stale = this.registry.listTokens().filter(({ name }) => name === ADMIN_FILE_TOKEN);
    if (stale.some(({ digest }) => equalDigests(digest, sha256(secret)))) return;
    for (const { id } of stale) await this.registry.removeToken(id);
    await this.#put(ADMIN_FILE_TOKEN, SCOPES, {}, secret);
  }

  list(): TokenView[] {
    return this.registry.listTokens().map(view);
  }

  async remove(id: string): Promise<void> {
    if (!await this.registry.removeToken(id)) {
      throw new LarderError("TOKEN_NOT_FOUND", `Cannot find token ${id.slice(0, 40)}`, {
        field: "id",
        hint: "See `larder token list`.",
      });
    }
    await this.#changed();
  }

  /**
   * The look-up is by digest and the digests are compared in constant time, so that neither tells how much of a guess was right.
   */
  scopesOf(secret: string): readonly Scope[] | undefined {
    const digest = sha256(secret);
    const row = this.registry.findTokenByDigest(digest);
    if (row === undefined || !equalDigests(row.digest, digest)) return undefined;
    if (row.expiresAtS !== undefined && row.expiresAtS <= this.clock.nowS()) return undefined;
    return row.scopes as readonly Scope[];
  }

  /** True until a user makes a token. Asked at every request without one, so it is read again only after a change. */
  isOpen(): boolean {
    return this.#isOpen ??= this.registry.listTokens().every(({ name }) => name === ADMIN_FILE_TOKEN);
  }

  async #changed(): Promise<void> {
    this.#isOpen = undefined;
    await this.mirror(this.registry.listTokens());
  }

  async #put(
    name: string,
    scopes: readonly Scope[],
    expires: { readonly expiresAtS?: number },
    secret: string,
  ): Promise<TokenView> {
    const digest = sha256(secret);
    const row: TokenRow = {
      id: `t${digest.slice(0, 10)}`,
      name,
      digest,
      scopes,
      createdAtS: this.clock.nowS(),
      ...expires,
    };
    await this.registry.putToken(row);
    await this.#changed();
    return { ...view(row), token: secret };
  }
}

export function newSecret(): string {
  return PREFIX + Buffer.from(crypto.getRandomValues(new Uint8Array(SECRET_BYTES))).toString("base64url");
}

function view(row: TokenRow): TokenView {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes as readonly Scope[],
    created_at: row.createdAtS,
    expires_at: row.expiresAtS ?? null,
  };
}

function checkName(name: string): void {
  if (NAME.test(name) && name !== ADMIN_FILE_TOKEN) return;
  throw new LarderError("BAD_NAME", "Cannot use this name for a token", {
    field: "name",
    hint: 'Give 1 to 64 letters, digits, spaces and "._@-", and not "admin.token".',
  });
}

function checkScopes(scopes: readonly Scope[]): readonly Scope[] {
  const unknown = scopes.find((scope) => !SCOPES.includes(scope));
  if (scopes.length > 0 && unknown === undefined) return [...new Set(scopes)];
  throw new LarderError("BAD_BODY", `Cannot give a token the scopes ${JSON.stringify(scopes).slice(0, 80)}`, {
    field: "scopes",
    hint: `Give one or more of ${SCOPES.join(", ")}.`,
  });
}

function checkExpiry(seconds: number): number {
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new LarderError("BAD_BODY", "Cannot let a token expire in the past", {
    field: "expires_in_s",
    hint: "Give seconds above 0.",
  });
}
