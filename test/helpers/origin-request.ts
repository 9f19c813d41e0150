import type { OriginRequest } from "./origin-exchange.ts";

const HEAD_END = "\r\n\r\n";

/** Takes the bytes of one connection apart into requests, bodies with a Content-Length included. */
export class RequestReader {
  #received = ""; // one character per byte

  constructor(private readonly connection: number) {}

  /** Gives the requests that are whole now. */
  read(bytes: Buffer): OriginRequest[] {
    this.#received += bytes.toString("latin1");
    const whole: OriginRequest[] = [];
    for (let request = this.#next(); request !== undefined; request = this.#next()) whole.push(request);
    return whole;
  }

  #next(): OriginRequest | undefined {
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return undefined;
    const bodyStart = headEnd + HEAD_END.length;
    const raw = this.#received.slice(0, bodyStart);
    const headers = readHeaders(raw);
    const end = bodyStart + Number(headers.get("content-length") ?? 0);
    if (this.#received.length < end) return undefined;
    const body = Buffer.from(this.#received.slice(bodyStart, end), "latin1");
    this.#received = this.#received.slice(end);
    return readRequest(raw, headers, body, this.connection);
  }
}

function readRequest(
  raw: string,
  headers: ReadonlyMap<string, string>,
  body: Uint8Array,
  connection: number,
): OriginRequest {
  const [method = "", target = ""] = (raw.split("\r\n", 1)[0] ?? "").split(" ");
  return {
    method,
    target,
    path: target.split("?")[0] ?? target,
    headers,
    raw,
    body,
    range: readRange(headers.get("range")),
    connection,
    atMs: performance.now(),
    status: undefined,
    bodyBytesSent: 0,
  };
}

function readHeaders(raw: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of raw.trimEnd().split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

function readRange(header: string | undefined): OriginRequest["range"] {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "") return { start: undefined, end: last === "" ? undefined : Number(last) };
  return { start: Number(first), end: last === "" ? undefined : Number(last) + 1 };
}
