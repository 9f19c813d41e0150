import { isLarderError, LarderError, parseAddress } from "../core/index.ts";

/** A hub, or a mirror of one. */
export interface Endpoint {
  /** Without a slash at its end. */
  readonly base: string;
  readonly origin: string;
  /** The token was made for this one. */
  readonly isHome: boolean;
  /** There is another one to ask after it. */
  readonly hasNext: boolean;
}

/** @throws {LarderError} CONFIG None, or one that is not an address. */
export function parseEndpoints(texts: readonly string[]): Endpoint[] {
  const urls = texts.map(parseEndpoint);
  const [home] = urls;
  if (home === undefined) throw badEndpoint("no address is given");
  return urls.map((url, index) => ({
    base: url.href.replace(/\/+$/, ""),
    origin: url.origin,
    isHome: url.origin === home.origin,
    hasNext: index < urls.length - 1,
  }));
}

/**
 * Asks one endpoint after the other. A mirror may lack what the first one has, so when all fail, it is the first one's error that
 * counts.
 *
 * @throws {LarderError} The first endpoint's error; `details.endpoints` says what each one answered. The signal's reason as it is.
 */
export async function firstAnswer<T>(
  endpoints: readonly Endpoint[],
  ask: (endpoint: Endpoint) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const failures: LarderError[] = [];
  for (const endpoint of endpoints) {
    try {
      return await ask(endpoint);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isLarderError(error)) throw error;
      failures.push(error);
    }
  }
  const [first] = failures;
  if (first === undefined || failures.length === 1) throw first;
  throw new LarderError(first.code, `${first.message} (nor from ${failures.length - 1} more)`, {
    retryable: first.retryable,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    ...(first.field === undefined ? {} : { field: first.field }),
    ...(first.retryAfterS === undefined ? {} : { retryAfterS: first.retryAfterS }),
    details: {
      ...first.details,
      endpoints: failures.map(({ code }, index) => ({ origin: endpoints[index]?.origin, code })),
    },
    cause: first,
  });
}

function parseEndpoint(text: string): URL {
  let url: URL;
  try {
    url = parseAddress(text, "hub_endpoint");
  } catch (error) {
    if (!isLarderError(error, "BAD_SOURCE")) throw error;
    throw badEndpoint("it is not an http or https address, or it holds a password");
  }
  if (url.search !== "") throw badEndpoint("it holds a query");
  return url;
}

function badEndpoint(reason: string): LarderError {
  return new LarderError("CONFIG", `Cannot use this hub endpoint: ${reason}`, {
    field: "hub_endpoint",
    hint: "Give an address such as https://hub.example.org.",
  });
}
