import { isIP } from "node:net";
import { LarderError } from "../../core/index.ts";

/** A name, an IPv4 address or a bracketed IPv6 address, perhaps with a port: nothing else that a `Host` may hold is taken. */
const HOST = /^([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;

/**
 * Which names this server answers to. A page of another site can make its own name point to us (DNS rebinding), and the
 * browser then takes us for that site; only a check of the name tells. It holds on every bind address.
 */
export class HostGuard {
  readonly #names: ReadonlySet<string>;
  /** Bound to the network, we are reached by addresses that we need not know; an address cannot be rebound. */
  readonly #anyAddress: boolean;
  /** Clients keep asking by the same name: looking at it once is enough. */
  #lastAccepted: string | undefined;

  constructor({ host, allowHosts }: { readonly host: string; readonly allowHosts: readonly string[] }) {
    this.#names = new Set(["localhost", "127.0.0.1", "::1", host, ...allowHosts]);
    this.#anyAddress = !isLoopback(host);
  }

  /** @throws {LarderError} BAD_HOST: absent, twice, or no host; HOST: not ours. */
  check(header: string | null): void {
    if (header !== null && header === this.#lastAccepted) return;
    const name = header === null ? undefined : HOST.exec(header)?.[1]?.toLowerCase();
    if (name === undefined) {
      throw new LarderError("BAD_HOST", "Cannot read the Host header", {
        hint: "Send one Host header: a name or an address, and a port if need be.",
      });
    }
    const bare = name.startsWith("[") ? name.slice(1, -1) : name;
    if (this.#names.has(bare) || (this.#anyAddress && isIP(bare) !== 0)) {
      this.#lastAccepted = header ?? undefined;
      return;
    }
    throw new LarderError("HOST", "Cannot answer for this Host: it is not one of this server's names", {
      hint: "Name it in allow_hosts if clients are to use it.",
    });
  }
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
