import { LarderError } from "../core/index.ts";
import type { HubTokenSource, HubTokenView } from "./hub-types.ts";

/** What can be sent in a header and may be a token; the hub's own are `hf_` and letters and digits. */
const TOKEN = /^[\x21-\x7e]{1,4096}$/;

/** Where tokens for the hub may come from; wire.ts knows the files. */
export interface HubTokenPlaces {
  readonly origin: string;
  /** From the environment: of this process's life. */
  readonly environment: string | undefined;
  /** What `larder token hub` keeps in the home. */
  readonly own: { read(): string | undefined; write(token: string | null): void };
  /** What the hub's own tools keep. */
  readonly tools: { read(): string | undefined };
}

/** The token for the hub: from the environment, else Larder's own, else that of the hub's tools. Read when it is needed. */
export class HubTokens {
  constructor(private readonly places: HubTokenPlaces) {}

  /** Undefined when there is none, or what is there cannot be one. */
  token(): string | undefined {
    return this.#inForce()?.token;
  }

  /** The token, for an address of the hub's origin; undefined for every other one. */
  tokenFor(address: string): string | undefined {
    return new URL(address).origin === this.places.origin ? this.token() : undefined;
  }

  /** What a request to the hub's origin carries. */
  credential(): { readonly origin: string; readonly authorization: string } | undefined {
    const token = this.token();
    return token === undefined ? undefined : { origin: this.places.origin, authorization: `Bearer ${token}` };
  }

  view(): HubTokenView {
    return { source: this.#inForce()?.source ?? null, origin: this.places.origin };
  }

  /** @throws {LarderError} BAD_BODY for what cannot be a token. */
  set(token: string | null): HubTokenView {
    const trimmed = token?.trim() ?? null;
    if (trimmed !== null && !TOKEN.test(trimmed)) {
      throw new LarderError("BAD_BODY", "Cannot use this as a token for the hub", {
        field: "token",
        hint: "Give 1 to 4096 visible ASCII characters, as the hub shows the token.",
      });
    }
    this.places.own.write(trimmed);
    return this.view();
  }

  #inForce(): { readonly token: string; readonly source: HubTokenSource } | undefined {
    const { environment, own, tools } = this.places;
    const all: ReadonlyArray<readonly [HubTokenSource, () => string | undefined]> = [
      ["environment", () => environment],
      ["larder", () => own.read()],
      ["hub-tools", () => tools.read()],
    ];
    for (const [source, read] of all) {
      const token = read()?.trim() ?? "";
      if (TOKEN.test(token)) return { token, source };
    }
    return undefined;
  }
}
