import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { LarderError, systemCode } from "../core/index.ts";
import { type AllowedOrigins, isPublicAddress } from "./address-policy.ts";

/** All IP addresses of a host name, best first. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

/** Most addresses of one name that are tried. */
const CANDIDATES_MAX = 4;

export async function systemResolve(hostname: string): Promise<readonly string[]> {
  const found = await lookup(hostname, { all: true, verbatim: true });
  return found.map((one) => one.address);
}

/**
 * The addresses to connect to, each of them checked: what is connected to is what was checked.
 *
 * @throws {LarderError} SSRF_BLOCKED, DNS
 */
export async function candidates(url: URL, allowed: AllowedOrigins, resolve: Resolve): Promise<string[]> {
  const free = allowed.has(url);
  if (url.protocol === "http:" && !free) throw blocked(url, "plain http is not allowed");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(host) ? [host] : await resolveName(url, host, resolve);
  const usable = free ? addresses : addresses.filter(isPublicAddress);
  if (usable.length === 0) throw blocked(url, "it is not on the public internet");
  return interleave(usable).slice(0, CANDIDATES_MAX);
}

async function resolveName(url: URL, host: string, resolve: Resolve): Promise<readonly string[]> {
  const addresses = await resolve(host).catch((error) => {
    throw nameError(url, systemCode(error));
  });
  if (addresses.length === 0) throw nameError(url, "ENODATA");
  return addresses;
}

/** One family after the other, so that a dead IPv6 costs one try only (the order of RFC 8305 §4). */
function interleave(addresses: readonly string[]): string[] {
  const family = isIP(addresses[0] ?? "");
  const first = addresses.filter((one) => isIP(one) === family);
  const second = addresses.filter((one) => isIP(one) !== family);
  const rounds = Math.max(first.length, second.length);
  return Array.from({ length: rounds }, (_, i) => [first[i], second[i]]).flat().filter((one) =>
    one !== undefined
  );
}

function blocked(url: URL, reason: string): LarderError {
  return new LarderError("SSRF_BLOCKED", `Cannot fetch from ${url.origin}: ${reason}`, {
    hint: `If this server is yours, add ${url.origin} to --allow-origins.`,
    details: { origin: url.origin },
  });
}

export function nameError(url: URL, reason = "unknown"): LarderError {
  return new LarderError("DNS", `Cannot find the server ${url.hostname}: ${reason}`, {
    retryable: true,
    hint: "Check the address and the name servers of this machine.",
    details: { origin: url.origin, reason },
  });
}
