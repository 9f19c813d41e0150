import { resolve } from "node:path";
import { type ByteRange, type Clock, type Digest, LarderError, systemClock } from "../core/index.ts";
import { BlobReader } from "./blob-reader.ts";
import { checkChunks } from "./chunk-check.ts";
import { findEntry, type Home } from "./disk-error.ts";
import { Flusher } from "./flusher.ts";
import { HashPool } from "./hash-pool.ts";
import { HubViews } from "./hub-views.ts";
import { Importer } from "./importer.ts";
import { InUse } from "./in-use.ts";
import { isPartKey, Layout, scratchKey } from "./layout.ts";
import { Manifests } from "./manifests.ts";
import { type LocalPart, openLocalPart } from "./part.ts";
import { prepareHome } from "./prepare.ts";
import { findProblems } from "./problems.ts";
import { Remover } from "./remover.ts";
import { Scratch } from "./scratch.ts";
import { SpaceLedger } from "./space.ts";
import type {
  BlobInfo,
  BlobStore,
  ChunkCheck,
  ChunkSpan,
  DiskSpace,
  HubView,
  HubViewContent,
  ImportedFile,
  OpenedBlob,
  Part,
  Reservation,
  StoredPart,
  StoreProblem,
  SweepOptions,
  SweepOutcome,
  VerifyOptions,
  VerifyOutcome,
  ViewFile,
} from "./types.ts";
import { Verifier } from "./verifier.ts";
import { Views } from "./views.ts";

export interface BlobStoreOptions {
  /** The folder that holds everything; made when it is not there. */
  readonly home: string;
  readonly clock?: Clock;
  /** Threads that hash; as many as there are cores by default. */
  readonly threads?: number;
}

/**
 * Opens the store of a home, which this process must own. Close it at the end.
 *
 * @throws {LarderError} UNSAFE_PATH for links and foreign things in the place of folders, CONFIG when the folders are not in one file
 * system, PERMISSION, READONLY, NO_SPACE, NO_INODES.
 */
export async function openBlobStore(options: BlobStoreOptions): Promise<BlobStore> {
  const layout = new Layout(resolve(options.home));
  return new LocalBlobStore(await prepareHome(layout), layout, options);
}

/** Blobs in the folders of one home, each in a file named by its digest. */
class LocalBlobStore implements BlobStore {
  readonly #pins = new InUse();
  readonly #keys = new InUse();
  readonly #parts = new Set<LocalPart>();
  readonly #hashes: HashPool;
  readonly #flusher: Flusher;
  readonly #reader: BlobReader;
  readonly #space: SpaceLedger;
  readonly #remover: Remover;
  readonly #importer: Importer;
  readonly #views: Views;
  readonly #hubViews: HubViews;
  readonly #manifests: Manifests;
  #isClosed = false;

  constructor(private readonly home: Home, private readonly layout: Layout, options: BlobStoreOptions) {
    this.#hashes = new HashPool(home, options.threads);
    this.#flusher = new Flusher(home);
    this.#reader = new BlobReader(home, layout);
    this.#space = new SpaceLedger(home, layout.incoming);
    const tools = {
      ...{ home, layout, pins: this.#pins, keys: this.#keys, scratch: new Scratch(layout, this.#keys) },
      ...{ hashes: this.#hashes, flusher: this.#flusher, reader: this.#reader, space: this.#space },
      clock: options.clock ?? systemClock,
    };
    this.#remover = new Remover(tools);
    this.#importer = new Importer(tools);
    this.#views = new Views(tools);
    this.#hubViews = new HubViews(tools);
    this.#manifests = new Manifests(tools);
  }

  open(digest: Digest, sizeBytes: number): OpenedBlob {
    return this.#reader.open(digest, sizeBytes);
  }

  read(digest: Digest, sizeBytes: number, range: ByteRange): Uint8Array {
    return this.#reader.read(digest, sizeBytes, range);
  }

  has(digest: Digest): boolean {
    return this.#reader.has(digest);
  }

  blobPath(digest: Digest): string {
    return this.layout.blob(digest);
  }

  async *scan(): AsyncGenerator<{ readonly digest: Digest; readonly sizeBytes: number }> {
    for await (const { digest, sizeBytes } of this.#reader.scan()) yield { digest, sizeBytes };
  }

  async openPart(key: string): Promise<Part> {
    if (!isPartKey(key)) throw badKey(key);
    if (this.#isClosed) throw isClosed();
    if (this.#keys.has(key)) throw isOpen(key);
    const endUse = this.#keys.take(key);
    this.#flusher.warmUp();
    try {
      const { home, layout } = this;
      const tools = { home, layout, flusher: this.#flusher, hashes: this.#hashes };
      const part: LocalPart = await openLocalPart(key, {
        ...tools,
        onClosed: () => {
          this.#parts.delete(part);
          endUse();
        },
      });
      this.#parts.add(part);
      return part;
    } catch (error) {
      endUse();
      throw error;
    }
  }

  async put(digest: Digest, bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) throw isClosed();
    const key = scratchKey();
    const endUse = this.#keys.take(key);
    try {
      await this.#flusher.publishNew({ bytes, from: this.layout.part(key), to: this.layout.blob(digest) });
    } finally {
      endUse();
    }
  }

  reserve(bytes: number): Promise<Reservation> {
    return this.#space.reserve(bytes);
  }

  space(): Promise<DiskSpace> {
    return this.#space.space();
  }

  problems(): StoreProblem[] {
    return findProblems(this.home, this.layout.incoming, !this.#flusher.isReduced);
  }

  verify(blobs: Iterable<BlobInfo>, options: VerifyOptions = {}): Promise<VerifyOutcome[]> {
    return new Verifier(this.#hashes, (digest) => this.layout.blob(digest), options).run(blobs);
  }

  checkChunks(blob: BlobInfo, span: ChunkSpan, signal?: AbortSignal): Promise<ChunkCheck> {
    return checkChunks(this.#hashes, { ...blob, path: this.layout.blob(blob.digest) }, span, signal);
  }

  quarantine(digest: Digest): Promise<string | undefined> {
    return this.#remover.quarantine(digest);
  }

  remove(digest: Digest): Promise<boolean> {
    return this.#remover.remove(digest);
  }

  sweep(options: SweepOptions): Promise<SweepOutcome> {
    return this.#remover.sweep(options);
  }

  parts(): Promise<StoredPart[]> {
    return this.#remover.parts();
  }

  removePart(key: string): Promise<boolean> {
    return this.#remover.removePart(key);
  }

  isPinned(digest: Digest): boolean {
    return this.#pins.has(digest);
  }

  pin(digest: Digest): () => void {
    return this.#pins.take(digest);
  }

  importFile(path: string, options: Parameters<BlobStore["importFile"]>[1]): Promise<ImportedFile> {
    return this.#importer.take(path, options);
  }

  makeView(model: string, version: string, files: readonly ViewFile[]): Promise<string> {
    return this.#views.make(model, version, files);
  }

  makeHubView(model: string, version: string, content: HubViewContent): Promise<HubView> {
    return this.#hubViews.make(model, version, content);
  }

  async trimView(model: string, version: string, paths: readonly string[]): Promise<void> {
    await this.#views.trim(model, version, paths);
    await this.#hubViews.trim(model, version, paths);
  }

  async removeView(model: string, version: string): Promise<void> {
    await this.#views.remove(model, version);
    await this.#hubViews.remove(model, version);
  }

  writeManifest(model: string, version: string, manifest: unknown): Promise<void> {
    return this.#manifests.write(model, version, manifest);
  }

  removeManifest(model: string, version: string): Promise<void> {
    return this.#manifests.remove(model, version);
  }

  manifestsModifiedMs(): number {
    return findEntry(this.layout.manifests)?.mtimeMs ?? 0;
  }

  readManifests(): AsyncIterable<unknown> {
    return this.#manifests.readAll();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await Promise.allSettled([...this.#parts].map((part) => part.close()));
    this.#hashes.close();
    this.#flusher.close();
  }
}

function badKey(key: string): LarderError {
  return new LarderError("BAD_DIGEST", `Cannot open a part: ${JSON.stringify(key.slice(0, 100))} is no key`, {
    hint: 'Give a digest, or "u-" and 64 hexadecimal digits.',
  });
}

function isOpen(key: string): LarderError {
  return new LarderError("BUSY", `Cannot open the part ${key}: it is open already`, {
    retryable: true,
    hint: "Wait for the pull that writes it.",
  });
}

function isClosed(): LarderError {
  return new LarderError("SHUTTING_DOWN", "Cannot write: the store was closed", { retryable: true });
}
