import { BlockList, isIP } from "node:net";
import { LarderError } from "../core/index.ts";

/** Not for the public internet, by the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890 and its updates). */
const SPECIAL_IPV4: ReadonlyArray<readonly [string, number]> = [
  ["0.0.0.0", 8], // this network
  ["10.0.0.0", 8], // private
  ["100.64.0.0", 10], // carrier-grade NAT
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local; cloud metadata
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments
  ["192.0.2.0", 24], // documentation
  ["192.88.99.0", 24], // 6to4 relays, withdrawn
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarks
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, broadcast
];

/** Only 2000::/3 is given out for the public internet; these parts of it are not. */
const SPECIAL_GLOBAL_IPV6: ReadonlyArray<readonly [string, number]> = [
  ["2001::", 23], // protocol assignments: Teredo, benchmarks, ORCHID
  ["2001:db8::", 32], // documentation
  ["2002::", 16], // 6to4: carries any IPv4 address
  ["3fff::", 20], // documentation
];

const specialIpv4 = blockList(SPECIAL_IPV4, "ipv4");
const specialIpv6 = blockList(SPECIAL_GLOBAL_IPV6, "ipv6");
const globalIpv6 = blockList([["2000::", 3]], "ipv6");
const nat64 = blockList([["64:ff9b::", 96]], "ipv6");

/** True when the address lies on the public internet. Anything that is not an IP address does not. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !specialIpv4.check(address, "ipv4");
  if (family !== 6) return false;
  // Networks with IPv6 only reach every IPv4 host through this prefix, so it is judged by the host inside.
  if (nat64.check(address, "ipv6")) return isPublicAddress(embeddedIpv4(address));
  return globalIpv6.check(address, "ipv6") && !specialIpv6.check(address, "ipv6");
}

/** The last four bytes of an IPv6 address, dotted. */
function embeddedIpv4(address: string): string {
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(":"); // the parser writes all groups in hex
  const [high, low] = groups.slice(-2).map((group) => parseInt(group || "0", 16));
  return [high ?? 0, low ?? 0].flatMap((word) => [word >> 8, word & 0xff]).join(".");
}

function blockList(nets: ReadonlyArray<readonly [string, number]>, family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const [net, prefix] of nets) list.addSubnet(net, prefix, family);
  return list;
}

/** The origins that may be plain `http:` or not public. A port of `*` stands for every port. */
export class AllowedOrigins {
  readonly #exact = new Set<string>();
  readonly #anyPort = new Set<string>();

  /** @throws {LarderError} CONFIG */
  constructor(origins: readonly string[]) {
    for (const origin of origins) {
      const anyPort = origin.endsWith(":*");
      const url = parseOrigin(anyPort ? origin.slice(0, -2) : origin);
      if (anyPort) this.#anyPort.add(withoutPort(url));
      else this.#exact.add(url.origin);
    }
  }

  has(url: URL): boolean {
    return this.#exact.has(url.origin) || this.#anyPort.has(withoutPort(url));
  }
}

function withoutPort(url: URL): string {
  return `${url.protocol}//${url.hostname}`;
}

function parseOrigin(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url;
  throw new LarderError("CONFIG", `Cannot allow ${JSON.stringify(text.slice(0, 100))}: it is not an origin`, {
    field: "allow_origins",
    hint: "Give scheme, host and port only, such as http://127.0.0.1:8080 or http://127.0.0.1:*.",
  });
}
