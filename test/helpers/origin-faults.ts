import type { Exchange } from "./origin-exchange.ts";
import { type OriginFile, planAnswer, serveFile } from "./origin-file.ts";

/** What goes wrong with one answer. Offsets of `afterBytes` count in the body that is sent, `atByte` counts in the file. */
export type Fault =
  /** Nothing. Keeps a place in the list. */
  | { readonly kind: "none" }
  /** FIN in the middle of the body. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** RST in the middle of the body. */
  | { readonly kind: "reset"; readonly afterBytes: number }
  /** Silence in the middle of the body. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** The body slowly, after `afterBytes` at full speed. */
  | { readonly kind: "drip"; readonly bytesPerSecond: number; readonly afterBytes?: number }
  /** No byte of an answer. */
  | { readonly kind: "no-headers" }
  /** The head at `bytesPerSecond`, for ever. */
  | { readonly kind: "header-drip"; readonly bytesPerSecond: number }
  /** FIN without an answer. */
  | { readonly kind: "close" }
  /** These bytes and FIN. */
  | { readonly kind: "raw"; readonly bytes: Uint8Array | string }
  | {
    readonly kind: "status";
    readonly status: number;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  }
  | { readonly kind: "redirect"; readonly location: string; readonly status?: number }
  /** One bit of this byte of the file is wrong, if the answer holds it. */
  | { readonly kind: "flip"; readonly atByte: number }
  /** 200 with the whole file whatever range was asked. */
  | { readonly kind: "ignore-range" }
  /** The right body with these headers changed; null leaves one out, an array repeats it. */
  | {
    readonly kind: "headers";
    readonly headers: Readonly<Record<string, string | readonly string[] | null>>;
  }
  /** Content-Range and body both begin this many bytes later than asked. */
  | { readonly kind: "shift-range"; readonly bytes: number }
  /** Chunked; with `last: false` the connection ends without the last chunk, after `afterBytes` if given. */
  | { readonly kind: "chunked"; readonly last?: boolean; readonly afterBytes?: number }
  /** Neither length nor chunks: the end of the connection is the end of the body, or a cut after `afterBytes`. */
  | { readonly kind: "close-delimited"; readonly afterBytes?: number }
  /** This many zero bytes more than Content-Length says. */
  | { readonly kind: "surplus"; readonly bytes: number }
  | { readonly kind: "multipart" }
  /** The body compressed and said so, although nobody asked. */
  | { readonly kind: "gzip" }
  /** The right answer after a while. */
  | { readonly kind: "delay"; readonly ms: number };

const GZIPPED_BYTES = 64 * 1024;

export async function serveFault(exchange: Exchange, file: OriginFile, fault: Fault): Promise<void> {
  const plan = planAnswer(exchange.request, file, fault.kind === "ignore-range");
  const body = () => plan.read(0, plan.sizeBytes);
  const full = async (bytes: Uint8Array, headers: Readonly<Record<string, string>>) => {
    await exchange.head(plan.status, { ...plan.headers, ...headers });
    await exchange.write(bytes);
  };
  switch (fault.kind) {
    case "none":
    case "ignore-range":
      return await serveFile(exchange, plan);
    case "delay":
      await Bun.sleep(fault.ms);
      return await serveFile(exchange, plan);
    case "cut":
    case "reset":
    case "stall":
      await exchange.head(plan.status, plan.headers);
      await exchange.write(await plan.read(0, fault.afterBytes));
      if (fault.kind === "stall") return await exchange.stall();
      return await (fault.kind === "cut" ? exchange.end() : exchange.reset());
    case "drip": {
      const quick = fault.afterBytes ?? 0;
      await exchange.head(plan.status, plan.headers);
      await exchange.write(await plan.read(0, quick));
      return await exchange.drip(await plan.read(quick, plan.sizeBytes), fault.bytesPerSecond);
    }
    case "no-headers":
      return await exchange.stall();
    case "header-drip":
      return await exchange.drip(`HTTP/1.1 200 OK\r\nX-Slow: ${"s".repeat(100_000)}`, fault.bytesPerSecond);
    case "close":
      return await exchange.end();
    case "raw":
      await exchange.write(fault.bytes);
      return await exchange.end();
    case "status":
      return await exchange.answer(fault.status, fault.headers, fault.body);
    case "redirect":
      return await exchange.answer(fault.status ?? 302, { Location: fault.location });
    case "flip": {
      const bytes = Uint8Array.from(await body());
      const at = fault.atByte - plan.start;
      if (at >= 0 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ 1;
      return await full(bytes, {});
    }
    case "headers": {
      const changed = { ...plan.headers, ...fault.headers };
      const kept = Object.entries(changed).filter((entry): entry is [string, string | string[]] =>
        entry[1] !== null
      );
      await exchange.head(plan.status, Object.fromEntries(kept));
      if (exchange.request.method !== "HEAD") await exchange.write(await body());
      return;
    }
    case "shift-range": {
      const start = plan.start + fault.bytes;
      const end = Math.min(start + plan.sizeBytes, plan.totalBytes);
      const headers = { "Content-Range": `bytes ${start}-${end - 1}/${plan.totalBytes}` };
      const bytes = await plan.read(fault.bytes, fault.bytes + (end - start));
      return await full(bytes, { ...headers, "Content-Length": String(bytes.length) });
    }
    case "chunked":
      return await serveChunked(exchange, plan, fault);
    case "close-delimited":
      await exchange.head(plan.status, { ...without(plan.headers, "Content-Length"), Connection: "close" });
      await exchange.write(await plan.read(0, fault.afterBytes ?? plan.sizeBytes));
      return await exchange.end();
    case "surplus":
      return await full(Buffer.concat([await body(), Buffer.alloc(fault.bytes)]), {});
    case "multipart": {
      const part = `--part\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ` +
        `${plan.start}-${plan.start + plan.sizeBytes - 1}/${plan.totalBytes}\r\n\r\n`;
      const bytes = Buffer.concat([Buffer.from(part), await body(), Buffer.from("\r\n--part--\r\n")]);
      await exchange.head(206, {
        ...without(plan.headers, "Content-Range"),
        "Content-Type": "multipart/byteranges; boundary=part",
        "Content-Length": String(bytes.length),
      });
      return await exchange.write(bytes);
    }
    case "gzip": {
      // A piece will do: compressing all of a large file takes longer than a client waits for the first answer.
      const bytes = Bun.gzipSync(Uint8Array.from((await body()).subarray(0, GZIPPED_BYTES)));
      return await full(bytes, { "Content-Encoding": "gzip", "Content-Length": String(bytes.length) });
    }
  }
}

async function serveChunked(
  exchange: Exchange,
  plan: ReturnType<typeof planAnswer>,
  fault: { readonly last?: boolean; readonly afterBytes?: number },
): Promise<void> {
  const size = fault.afterBytes ?? plan.sizeBytes;
  await exchange.head(plan.status, {
    ...without(plan.headers, "Content-Length"),
    "Transfer-Encoding": "chunked",
  });
  for (let at = 0; at < size; at += CHUNK_BYTES) {
    const bytes = await plan.read(at, Math.min(at + CHUNK_BYTES, size));
    await exchange.write(
      Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]),
    );
  }
  if (fault.last === false) return await exchange.end();
  await exchange.write("0\r\n\r\n");
}

const CHUNK_BYTES = 256 * 1024;

function without(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}
