import { LarderError } from "../../core/index.ts";
import type { Library, Scope } from "../../library/index.ts";
import type { Peer } from "../exchange.ts";
import { isLoopback } from "./host.ts";

const BEARER = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/;
/** What everybody on this machine may do until a user makes the first token. */
const ANONYMOUS: readonly Scope[] = ["read", "infer", "pull"];
const SECRET_IN_ADDRESS = /[?&](?:token|access_token|api_key|authorization)=/i;

/** The one place that says who may do what. */
export class AccessGuard {
  readonly #library: Pick<Library, "scopesOf" | "isOpen">;
  readonly #onLoopback: boolean;

  constructor({ library, host }: {
    readonly library: Pick<Library, "scopesOf" | "isOpen">;
    readonly host: string;
  }) {
    this.#library = library;
    this.#onLoopback = isLoopback(host);
  }

  /** @throws {LarderError} UNAUTHORIZED: no or an unknown token; FORBIDDEN: a token without this scope. */
  check(request: Request, peer: Peer, scope: Scope): void {
    if (peer.trusted) return;
    if (SECRET_IN_ADDRESS.test(request.url)) {
      throw unauthorized("Cannot take a token in an address, where logs and histories keep it");
    }
    const header = request.headers.get("authorization");
    if (header === null) return this.#checkAnonymous(scope);
    const scopes = this.#scopesOf(header);
    if (scopes.includes(scope)) return;
    throw new LarderError("FORBIDDEN", `Cannot do this with a token that lacks the scope "${scope}"`, {
      hint: `This token has: ${scopes.join(", ")}.`,
    });
  }

  #checkAnonymous(scope: Scope): void {
    // The last token may be removed while we listen on a network: that must not open the server.
    if (this.#onLoopback && this.#library.isOpen() && ANONYMOUS.includes(scope)) return;
    throw unauthorized(`Cannot do this without a token that has the scope "${scope}"`);
  }

  #scopesOf(header: string): readonly Scope[] {
    // Two headers arrive joined by a comma, which no token has.
    const secret = BEARER.exec(header)?.[1];
    if (secret === undefined) throw unauthorized("Cannot read the Authorization header");
    const scopes = this.#library.scopesOf(secret);
    if (scopes === undefined) throw unauthorized("Cannot accept this token: it is unknown or expired");
    return scopes;
  }
}

function unauthorized(message: string): LarderError {
  return new LarderError("UNAUTHORIZED", message, {
    hint:
      'Send one header "Authorization: Bearer <token>". "larder token create" makes tokens; the file admin.token in the home has one for administration.',
  });
}
