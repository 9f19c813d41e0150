import { LarderError } from "../../core/index.ts";
import type { Library, Scope } from "../../library/index.ts";
import type { Peer } from "../exchange.ts";
import { isLoopback } from "./host.ts";

const BEARER = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/;
/** What everybody on this machine may do until a user makes the first token. */
const ANONYMOUS: readonly Scope[] = ["read", "infer", "pull"];
/** Every token that larder makes begins so. */
const OWN = /^Bearer ldr_/;
const SECRET_IN_ADDRESS = /[?&](?:token|access_token|api_key|authorization)=/i;

export interface AccessOptions {
  readonly library: Pick<Library, "scopesOf" | "isOpen">;
  readonly host: string;
  /** What to do with credentials that are not ours: refuse them, or take the caller for anybody. */
  readonly foreign?: "refuse" | "ignore";
}

/** The one place that says who may do what. */
export class AccessGuard {
  readonly #options: AccessOptions;
  readonly #library: AccessOptions["library"];
  readonly #onLoopback: boolean;
  readonly #ignoresForeign: boolean;

  constructor(options: AccessOptions) {
    const { library, host, foreign = "refuse" } = options;
    this.#options = options;
    this.#library = library;
    this.#onLoopback = isLoopback(host);
    this.#ignoresForeign = foreign === "ignore";
  }

  /** The same for routes whose clients send some key to whatever address they are given: one that is not ours says nothing. */
  ignoringForeign(): AccessGuard {
    return new AccessGuard({ ...this.#options, foreign: "ignore" });
  }

  /** @throws {LarderError} UNAUTHORIZED: no or an unknown token; FORBIDDEN: a token without this scope. */
  check(request: Request, peer: Peer, scope: Scope): void {
    if (peer.trusted) return;
    if (SECRET_IN_ADDRESS.test(request.url)) {
      throw unauthorized("Cannot take a token in an address, where logs and histories keep it");
    }
    const header = this.#credentials(request);
    if (header === null) return this.#checkAnonymous(scope);
    const scopes = this.#scopesOf(header);
    if (scopes.includes(scope)) return;
    throw new LarderError("FORBIDDEN", `Cannot do this with a token that lacks the scope "${scope}"`, {
      hint: `This token has: ${scopes.join(", ")}.`,
    });
  }

  /**
   * For what is about the caller: a token is needed also where everybody may read.
   *
   * @throws {LarderError} As {@link check}.
   */
  checkKnown(request: Request, peer: Peer, scope: Scope): void {
    if (this.#credentials(request) === null) throw unauthorized("Cannot say who asks without a token");
    this.check(request, peer, scope);
  }

  #credentials({ headers }: Request): string | null {
    const header = headers.get("authorization");
    return header !== null && this.#ignoresForeign && !OWN.test(header) ? null : header;
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
