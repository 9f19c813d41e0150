import { createHash } from "node:crypto";
import type { HubContext, ServedFile } from "./hub-context.ts";
import { storageError } from "./hub-replies.ts";
import type { TreeFile } from "./hub-repository.ts";
import type { OriginFile, OriginRequest } from "./origin.ts";

interface Signed {
  /** Without the query. */
  readonly path: string;
  readonly file: TreeFile;
  readonly served: ServedFile;
  readonly expiresAtMs: number;
}

/** The addresses at the CDN that were given out; each one is good for some time and for nothing else. */
export class SignedAddresses {
  readonly #given = new Map<string, Signed>();
  #count = 0;

  constructor(private readonly forMs: number, private readonly now: () => number) {}

  /** Gives path and query. */
  sign(path: string, file: TreeFile, served: ServedFile): string {
    const expiresAtMs = this.now() + this.forMs;
    const signature = createHash("sha256").update(`${this.#count++} ${path}`).digest("hex");
    this.#given.set(signature, { path, file, served, expiresAtMs });
    return `${path}?Expires=${Math.ceil(expiresAtMs / 1000)}&Signature=${signature}`;
  }

  find(request: OriginRequest): Signed | undefined {
    const query = new URLSearchParams(request.target.slice(request.path.length));
    const signed = this.#given.get(query.get("Signature") ?? "");
    return signed?.path === request.path && this.now() < signed.expiresAtMs ? signed : undefined;
  }

  expireAll(): void {
    this.#given.clear();
  }
}

export async function answerCdn(context: HubContext, request: OriginRequest): Promise<OriginFile> {
  const authorization = request.headers.get("authorization");
  if (authorization !== undefined) {
    context.leakedTokens.push(authorization);
    return storageError(400, "InvalidArgument", "The address is signed and there is an Authorization header");
  }
  const signed = context.signed.find(request);
  if (!signed) return storageError(403, "AccessDenied", "Request has expired");
  const { lfs } = await signed.file.digests();
  context.noteFiles(request, signed.served);
  return {
    content: signed.file.content,
    etag: `"${lfs?.xetHash}"`,
    ranges: true,
    headers: { "Content-Type": "application/octet-stream" },
  };
}
