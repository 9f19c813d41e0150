import { LarderError } from "../../src/core/index.ts";
import {
  createNetClient,
  type NetClient,
  type NetClientOptions,
  type NetPolicy,
} from "../../src/net/index.ts";

/** A client that may go to any port of 127.0.0.1 without TLS, and with short deadlines where a test gives them. */
export function localClient(policy: Partial<NetPolicy> = {}, options: NetClientOptions = {}): NetClient {
  return createNetClient({
    allowOrigins: ["http://127.0.0.1:*"],
    userAgent: "larder/test",
    connectMs: 10_000,
    headersMs: 30_000,
    ...policy,
  }, options);
}

/** A resolver that knows these names and no others. */
export function names(
  table: Readonly<Record<string, readonly string[]>>,
): (name: string) => Promise<readonly string[]> {
  return (name) => {
    const found = table[name];
    return found
      ? Promise.resolve(found)
      : Promise.reject(Object.assign(new Error(name), { code: "ENOTFOUND" }));
  };
}

/** A fetch that trusts the authority of a test. */
export function trusting(ca: string): NonNullable<NetClientOptions["fetch"]> {
  return (url, init) => fetch(url, { ...init, tls: { ...init.tls, ca } });
}

/** The LarderError that a promise is rejected with; anything else fails the test. */
export async function failure(work: Promise<unknown>): Promise<LarderError> {
  const error = await work.then(() => new Error("it succeeded"), (reason: unknown) => reason);
  if (error instanceof LarderError) return error;
  throw error;
}

export function everythingOf(error: LarderError): string {
  return Bun.inspect(error) + JSON.stringify(error.toRecord()) + error.stack + Bun.inspect(error.cause);
}
