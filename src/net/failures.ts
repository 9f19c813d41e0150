import { LarderError, retryAfterMs, systemCode } from "../core/index.ts";

/** Codes of certificate checks (OpenSSL's names, as Node and Bun give them) and of a failed handshake. */
const TLS_CODE =
  /CERT|CRL|TLS|SSL|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|^EPROTO$/;

/** No connection, or one that ended before an answer. */
const UNREACHABLE_CODE =
  /^(?:ECONN|EHOST|ENET|EADDRNOTAVAIL|EPIPE|ETIMEDOUT|ConnectionRefused|ConnectionClosed)/;

// None of the errors below carries what fetch threw as its cause: Bun puts the whole address, signature included, into
// its message and its `path`.

/** Reads an error of fetch before there was an answer. The runtime names faults of HTTP itself in words, not by errno. */
export function fetchError(origin: string, error: unknown): LarderError {
  const reason = systemCode(error) ?? "unknown";
  const details = { origin, reason };
  if (TLS_CODE.test(reason)) {
    return new LarderError("TLS", `Cannot trust the server at ${origin}: ${reason}`, {
      hint: "Check the certificate of the server and the clock of this machine.",
      details,
    });
  }
  if (UNREACHABLE_CODE.test(reason)) {
    return new LarderError("UPSTREAM_UNREACHABLE", `Cannot reach ${origin}: ${reason}`, {
      retryable: true,
      hint: "Check the network and the address, or name a mirror.",
      details,
    });
  }
  return protocolError(origin, reason);
}

export function protocolError(origin: string, reason: string): LarderError {
  return new LarderError("UPSTREAM_PROTOCOL", `Cannot understand the answer of ${origin}: ${reason}`, {
    hint: "Name another mirror, or see whether something between changes its answers.",
    details: { origin, reason },
  });
}

export function timeoutError(origin: string, phase: "connect" | "headers", ms: number): LarderError {
  const what = phase === "connect" ? "connect to" : "get an answer from";
  return new LarderError("UPSTREAM_TIMEOUT", `Cannot ${what} ${origin} within ${ms} ms`, {
    retryable: true,
    hint: "Try again later, or name a mirror.",
    details: { origin, phase },
  });
}

/** Reads an error that a body threw while it was read, other than the abort of its own reader. */
export function bodyError(error: unknown): LarderError {
  if (error instanceof LarderError) return error;
  const reason = systemCode(error) ?? "unknown";
  if (TLS_CODE.test(reason) || UNREACHABLE_CODE.test(reason) || reason === "unknown") {
    return new LarderError("UPSTREAM_TRUNCATED", `Cannot read the file to its end: ${reason}`, {
      retryable: true,
      hint: "Try again: what has arrived is kept.",
      details: { reason },
    });
  }
  return new LarderError("UPSTREAM_PROTOCOL", `Cannot read the file to its end: ${reason}`, {
    hint: "Name another mirror.",
    details: { reason },
  });
}

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 500, 502, 503, 504]);

/**
 * What a status that is not a success means. `retryAfterS` is set when the server named a time still to come, at most
 * 60 s; a past or negative one leaves the wait to the caller's backoff.
 */
export function statusError(status: number, headers: Headers, nowS: number): LarderError {
  const wait = (retryAfterMs(headers.get("retry-after"), nowS) ?? 0) / 1000;
  const details = { status };
  const message = `Cannot fetch the file: the server answered ${status}`;
  const later = wait > 0 ? { retryAfterS: wait } : {};
  if (status < 400) {
    return new LarderError("UPSTREAM_PROTOCOL", message, { hint: "Name another mirror.", details });
  }
  if (status === 401) {
    return new LarderError("UPSTREAM_UNAUTHORIZED", message, {
      hint: "Give a token for this server.",
      details,
    });
  }
  if (status === 403 || status === 451) {
    const hint = "Ask for access there, give another token, or name a mirror.";
    return new LarderError("UPSTREAM_FORBIDDEN", message, { hint, details });
  }
  if (status === 404 || status === 410) {
    return new LarderError("UPSTREAM_NOT_FOUND", message, { hint: "Check the address.", details });
  }
  if (status === 429) {
    const hint = "Wait a while, or name a mirror.";
    return new LarderError("UPSTREAM_RATE_LIMITED", message, { retryable: true, hint, details, ...later });
  }
  const retryable = RETRYABLE_STATUS.has(status);
  const hint = retryable ? "Try again later, or name a mirror." : "Check the address, or name a mirror.";
  return new LarderError("UPSTREAM_STATUS", message, {
    retryable,
    hint,
    details,
    ...(retryable ? later : {}),
  });
}
