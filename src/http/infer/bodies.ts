import { LarderError } from "../../core/index.ts";

/** Bodies of the largest size that may be held at once; smaller ones accordingly more. */
const LARGEST_HELD = 4;

/**
 * Bodies of requests for inference: each has a limit, and so have all that are being answered, because a body stays in memory, as
 * numbers, until its model has had its turn.
 */
export class InferBodies {
  readonly #bytesMax: number;
  #heldBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /**
   * Answers a request with its body as text, which counts as held until the answer is made.
   *
   * @throws {LarderError} TOO_LARGE; BUSY: too much is held already; BAD_BODY: it ended early.
   */
  withText(request: Request, answer: (body: string) => Promise<Response>): Promise<Response> {
    return this.#hold(request, {
      read: () => request.text(),
      sizeOf: (text) => Buffer.byteLength(text),
      answer,
    });
  }

  /** As {@link withText}, with the bytes as they came. */
  withBytes(
    request: Request,
    answer: (body: Uint8Array<ArrayBuffer>) => Promise<Response>,
  ): Promise<Response> {
    return this.#hold(request, {
      read: async () => new Uint8Array(await request.arrayBuffer()),
      sizeOf: ({ byteLength }) => byteLength,
      answer,
    });
  }

  async #hold<T>(request: Request, { read, sizeOf, answer }: Holding<T>): Promise<Response> {
    const said = lengthOf(request);
    let held = this.#claim(said ?? 0);
    try {
      const body = await read().catch((error: unknown) => {
        throw new LarderError("BAD_BODY", "Cannot read the body: it ended early", {
          field: "body",
          cause: error,
        });
      });
      // The listener has bound it until here.
      if (said === undefined) held += this.#claim(sizeOf(body));
      return await answer(body);
    } finally {
      this.#heldBytes -= held;
    }
  }

  #claim(bytes: number): number {
    if (bytes > this.#bytesMax) throw this.#tooLarge();
    if (this.#heldBytes + bytes > this.#bytesMax * LARGEST_HELD) throw busy();
    this.#heldBytes += bytes;
    return bytes;
  }

  #tooLarge(): LarderError {
    return new LarderError("TOO_LARGE", `Cannot take a body of more than ${this.#bytesMax} bytes`, {
      hint: "Send less at once, or raise infer_body_bytes_max.",
    });
  }
}

interface Holding<T> {
  readonly read: () => Promise<T>;
  readonly sizeOf: (body: T) => number;
  readonly answer: (body: T) => Promise<Response>;
}

/** Undefined when only its end will tell: a request with neither header has no body (RFC 9112 §6.3). */
function lengthOf({ headers }: Request): number | undefined {
  const length = headers.get("content-length");
  if (length !== null) return Number(length);
  return headers.has("transfer-encoding") ? undefined : 0;
}

/** @throws {LarderError} BAD_BODY */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LarderError("BAD_BODY", "Cannot read the body: it is not well-formed JSON", {
      field: "body",
      cause: error,
    });
  }
}

function busy(): LarderError {
  return new LarderError(
    "BUSY",
    "Cannot take a body now: those that wait for models are too large together",
    {
      retryable: true,
      retryAfterS: 1,
    },
  );
}

/**
 * Refuses what a page of another site could send without asking first, and what is packed.
 *
 * @param types Which types of content will do; null for a body without any.
 * @throws {LarderError} UNSUPPORTED_MEDIA_TYPE
 */
export function checkContent({ headers }: Request, types: ReadonlySet<string | null>): void {
  const given = headers.get("content-type");
  const encoding = headers.get("content-encoding");
  const isKnown = types.has(given) || types.has(given?.split(";", 1)[0]?.trim().toLowerCase() ?? null);
  if (isKnown && (encoding === null || encoding === "identity")) return;
  const names = [...types].filter((type) => type !== null).join(" or ");
  throw new LarderError("UNSUPPORTED_MEDIA_TYPE", `Cannot read a body that is not plain ${names}`, {
    hint: `Send it with the header Content-Type: ${names}, without Content-Encoding.`,
  });
}
