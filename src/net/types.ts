/** How the client may go out. Plain data: it is handed to worker threads. */
export interface NetPolicy {
  /**
   * Origins that may be plain `http:` or have a private, loopback or link-local address: `http://127.0.0.1:8080`, or
   * `http://127.0.0.1:*` for any port.
   */
  readonly allowOrigins: readonly string[];
  /** The same for what a request asks itself and as long as it stays there, but not for what a redirect leads to. */
  readonly directOrigins?: readonly string[];
  readonly userAgent: string;
  /** Time for name look-up and connection, and for the answer's headers, each. */
  readonly connectMs: number;
  readonly headersMs: number;
}

export interface NetRequest {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent only while the origin stays the one of `url`: credentials and custom headers. */
  readonly originHeaders?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface NetResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Raw bytes, never decompressed. Cancel or drain it. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** Where the answer came from after redirects. May hold a signature: never logged, stored or shown. */
  readonly url: URL;
}

/** One guarded HTTP client: redirects, credentials, address policy, deadlines. Any status but a redirect is an answer. */
export interface NetClient {
  /**
   * @throws {LarderError} SSRF_BLOCKED, REDIRECT, BAD_SOURCE, DNS, TLS, PROXY, UPSTREAM_UNREACHABLE, UPSTREAM_TIMEOUT, UPSTREAM_PROTOCOL.
   */
  request(url: URL, request?: NetRequest): Promise<NetResponse>;
}
