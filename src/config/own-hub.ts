import { isIPv4 } from "node:net";

export interface HubListener {
  readonly hubHost: string;
  readonly hubPort: number;
  /** Further names of this machine. */
  readonly allowHosts: readonly string[];
}

/**
 * True when an endpoint is our own hub listener. Clients on this machine find it by `HF_ENDPOINT`, which we read too: asking
 * ourselves would go round in a circle.
 */
export function isOwnHub(endpoint: string, { hubHost, hubPort, allowHosts }: HubListener): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { protocol, hostname, port } = new URL(endpoint);
  if (protocol !== "http:" || Number(port || 80) !== hubPort) return false;
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  return isLoopback(name) || name === hubHost || allowHosts.includes(name);
}

export function isLoopback(name: string): boolean {
  return name === "localhost" || name === "::1" || (isIPv4(name) && name.startsWith("127."));
}
