import { z } from "zod";
import {
  CHUNK_BYTES,
  chunkCount,
  type Clock,
  type Digest,
  isLarderError,
  parseDigest,
  systemClock,
} from "../core/index.ts";
import type { NetClient } from "../net/index.ts";
import { BodyTooLongError, readBody } from "./read-body.ts";

const STALL_MS = 30_000;
const BODY_MS = 120_000;
/** A digest with its quotes and its comma, and what stands around all of them. */
const BYTES_PER_CHUNK = 70;
const BYTES_AROUND = 1024;

export interface ChunksOptions {
  /** Made by that larder; sent to its origin only. */
  readonly token?: string | undefined;
  readonly clock?: Clock;
}

/**
 * The digests of a blob's chunks as another larder knows them: with them only chunks that nobody here has are fetched. They save
 * bytes and promise nothing, so a peer that is away or wrong is no error here: the blob's own digest decides in the end.
 *
 * @param endpoint Without a slash at its end.
 * @returns Undefined when the peer does not know them, tells of another length, or cannot be asked.
 * @throws The signal's reason.
 */
export async function chunksOf(
  net: NetClient,
  endpoint: string,
  sha256: Digest,
  sizeBytes: number,
  signal: AbortSignal,
  options: ChunksOptions = {},
): Promise<Digest[] | undefined> {
  try {
    const text = await ask(
      net,
      new URL(`${endpoint}/api/blobs/${sha256}/chunks`),
      sizeBytes,
      signal,
      options,
    );
    return text === undefined ? undefined : readChunks(text, sha256, sizeBytes);
  } catch (error) {
    signal.throwIfAborted();
    if (isLarderError(error) || error instanceof BodyTooLongError) return undefined;
    throw error;
  }
}

async function ask(
  net: NetClient,
  url: URL,
  sizeBytes: number,
  signal: AbortSignal,
  { token, clock = systemClock }: ChunksOptions,
): Promise<string | undefined> {
  const response = await net.request(url, {
    headers: { accept: "application/json" },
    ...(token === undefined ? {} : { originHeaders: { authorization: `Bearer ${token}` } }),
    signal,
  });
  if (response.status !== 200) {
    await response.body?.cancel().catch(() => {}); // the connection is given up: how it ends is of no interest
    return undefined;
  }
  const bytesMax = chunkCount(sizeBytes) * BYTES_PER_CHUNK + BYTES_AROUND;
  const limits = { bytesMax, beyond: "refuse", stallMs: STALL_MS, bodyMs: BODY_MS } as const;
  return new TextDecoder().decode(await readBody(response, limits, clock));
}

const digest = z.string().regex(/^[0-9a-f]{64}$/).transform((text) => parseDigest(text));
const answerSchema = z.object({
  sha256: z.string(),
  size_bytes: z.number(),
  chunk_bytes: z.literal(CHUNK_BYTES),
  chunks: z.array(digest),
});

function readChunks(text: string, sha256: Digest, sizeBytes: number): Digest[] | undefined {
  const { data } = answerSchema.safeParse(parseJson(text));
  const isOfBlob = data?.sha256 === sha256 && data.size_bytes === sizeBytes;
  return isOfBlob && data.chunks.length === chunkCount(sizeBytes) ? data.chunks : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // as good as JSON of another form
  }
}
