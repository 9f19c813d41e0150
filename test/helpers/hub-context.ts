import type { TokenHolder } from "./hub-access.ts";
import type { SignedAddresses } from "./hub-cdn.ts";
import type { Commit, Repository } from "./hub-repository.ts";
import type { RepoKind, RepoTarget } from "./hub-target.ts";
import type { OriginRequest } from "./origin.ts";

/** A file that an answer holds. */
export interface ServedFile {
  /** Of its repository. */
  readonly id: string;
  readonly path: string;
}

/** What the routes of the hub and of its CDN share. */
export interface HubContext {
  readonly endpoint: string;
  readonly cdnOrigin: string;
  readonly pageFiles: number;
  /** Whether to speak of the hub's other way to transfer files. */
  readonly xet: boolean;
  readonly tokens: ReadonlyMap<string, TokenHolder>;
  readonly signed: SignedAddresses;
  /** `Authorization` headers that came to the CDN. */
  readonly leakedTokens: string[];
  /** Finds a repository by its id, one of its former ids, or either in other letter case. */
  findRepository(kind: RepoKind, id: string): Repository | undefined;
  /** Notes which file the answer to a request holds. */
  noteFiles(request: OriginRequest, file: ServedFile): void;
}

/** A request that was let through to a repository. */
export interface Ask {
  readonly request: OriginRequest;
  readonly query: URLSearchParams;
  readonly target: RepoTarget;
  readonly repo: Repository;
}

/** The same at a commit and a path in it, which is empty for the root. */
export interface CommitAsk extends Ask {
  readonly commit: Commit;
  readonly path: string;
}
