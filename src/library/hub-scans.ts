import { type Clock, isLarderError, LarderError, logger, SingleFlight, untilAborted } from "../core/index.ts";
import {
  formatRepoName,
  type HubClient,
  type HubFile,
  type HubVariant,
  type ModelFacts,
  parseRepoName,
  type RepoInfo,
  type RepoListing,
  type RepoName,
} from "../hub/index.ts";
import type { Registry } from "../registry/index.ts";
import type { Looked } from "./hub-look.ts";
import { isCommit } from "./hub-plan.ts";

const SCHEMA = 1;
const log = logger("hub");

/** What is kept of a repository at one commit. Its variants keep their names, whatever a later release would call them. */
export interface ScanDocument {
  readonly schema: typeof SCHEMA;
  readonly repo: RepoName;
  readonly endpoint: string;
  /** The endpoint is a larder: it knows chunk digests. */
  readonly isLarder: boolean;
  readonly info: RepoInfo;
  readonly facts: ModelFacts;
  readonly files: readonly HubFile[];
  readonly variants: readonly HubVariant[];
  readonly common: readonly string[];
  readonly sidecars: readonly string[];
}

export interface Scan {
  readonly model: string;
  /** The commit. */
  readonly version: string;
  readonly scannedAtS: number;
  readonly document: ScanDocument;
}

export interface HubScansDeps {
  readonly client: Pick<HubClient, "scan" | "commitOf">;
  /** Variants and facts of a listing; may read small files of it. */
  readonly look: (listing: RepoListing, wantsFacts: boolean) => Promise<Looked>;
  readonly registry: Pick<Registry, "findScan" | "putScan" | "resolveVersion">;
  readonly clock: Clock;
  /** No hub is ever asked. */
  readonly offline: boolean;
}

export interface CurrentOptions {
  readonly offline: boolean;
  readonly signal: AbortSignal;
}

/** What hub repositories offer: asked, noted, and known again without the hub. */
export class HubScans {
  readonly #asking = new SingleFlight<string, Scan>();

  constructor(private readonly deps: HubScansDeps) {}

  /** Asks anew. @throws {LarderError} OFFLINE; what the hub answers. */
  async ask(model: string, revision: string, wantsFacts = false): Promise<Scan> {
    if (this.deps.offline) throw offline(model, revision);
    const key = JSON.stringify([model, revision, wantsFacts]);
    // Whoever asks for the same meanwhile shares the answer; so no caller's leaving ends it.
    return await this.#asking.run(key, () => this.#ask(model, revision, wantsFacts));
  }

  /**
   * What a revision is now: a commit that is known costs nothing, a branch one request, anything new a listing. When the hub cannot
   * be asked, what the revision was when it was last pulled.
   *
   * @throws {LarderError} OFFLINE; what the hub answers.
   */
  async current(model: string, revision: string, options: CurrentOptions): Promise<Scan> {
    if (isCommit(revision)) {
      const known = this.stored(model, revision);
      if (known !== undefined) return known;
    }
    const local = this.#local(model, revision);
    if (this.deps.offline || options.offline) {
      if (local === undefined) throw offline(model, revision);
      return local;
    }
    try {
      if (local === undefined) return await untilAborted(this.ask(model, revision), options.signal);
      const commit = await this.deps.client.commitOf(parseRepoName(model), revision, options.signal);
      return this.stored(model, commit) ?? await untilAborted(this.ask(model, commit), options.signal);
    } catch (error) {
      options.signal.throwIfAborted();
      if (local === undefined || !isUnreachable(error)) throw error;
      log.warn("the hub cannot be asked about {model}@{revision}, what is here is used: {error}", {
        ...{ model, revision, error: String(error) },
      });
      return local;
    }
  }

  stored(model: string, commit: string): Scan | undefined {
    const row = this.deps.registry.findScan(model, commit);
    const document = row?.document as ScanDocument | undefined;
    if (row === undefined || document?.schema !== SCHEMA) return undefined;
    return { model, version: row.version, scannedAtS: row.scannedAtS, document };
  }

  #local(model: string, revision: string): Scan | undefined {
    const commit = this.deps.registry.resolveVersion(model, revision);
    return commit === undefined ? undefined : this.stored(model, commit);
  }

  async #ask(model: string, revision: string, wantsFacts: boolean): Promise<Scan> {
    const { client, look, registry, clock } = this.deps;
    const listing = await client.scan(parseRepoName(model), revision);
    const { facts, variants, common, sidecars } = await look(listing, wantsFacts);
    const { repo, endpoint, info, files, commit } = listing;
    const document: ScanDocument = {
      ...{ schema: SCHEMA, repo, endpoint, isLarder: listing.isLarder, info, facts },
      ...{ files, variants, common, sidecars },
    } as const;
    const scan = { model, version: commit, scannedAtS: clock.nowS(), document };
    await registry.putScan(scan);
    if (formatRepoName(repo) !== model) {
      log.info("{model} is called {name} by its hub", { model, name: formatRepoName(repo) });
    }
    return scan;
  }
}

/** The hub said nothing: neither yes nor no. */
function isUnreachable(error: unknown): boolean {
  return isLarderError(error) && UNREACHABLE.has(error.code);
}

const UNREACHABLE: ReadonlySet<string> = new Set([
  ...["DNS", "TLS", "PROXY", "UPSTREAM_UNREACHABLE", "UPSTREAM_TIMEOUT", "UPSTREAM_PROTOCOL"],
  ...["UPSTREAM_STATUS", "UPSTREAM_RATE_LIMITED", "UPSTREAM_TRUNCATED", "HUB_ANSWER"],
]);

function offline(model: string, revision: string): LarderError {
  return new LarderError(
    "OFFLINE",
    `Cannot ask the hub about ${model}@${revision}: larder is told to stay offline`,
    {
      hint: "Pull it once without --offline; what is here already works without the hub.",
    },
  );
}
