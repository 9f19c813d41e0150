import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Digest, parseModelName, parseVersion, sha256 } from "../core/index.ts";

export const FOLDER_MODE = 0o700;
export const FILE_MODE = 0o600;
/** A file of a view: nobody writes through it by accident. */
export const VIEW_FILE_MODE = 0o444;

/**
 * Where the store keeps what, below its home:
 *
 *     blobs/sha256/ab/ab12…          complete and verified
 *     incoming/<key>.part            being written: a digest, u-<64 hex> (digest unknown yet) or x-<32 hex> (scratch)
 *     incoming/<key>.journal         what of the part is known to be right
 *     manifests/<model>/<version>.json
 *     views/<model>/<version>/…      blobs under their real names
 *     hub-cache/models--acme--tiny/… the same as the hub's own tools keep them: blobs/, refs/, snapshots/
 */
export class Layout {
  readonly blobs: string;
  readonly digests: string;
  readonly incoming: string;
  readonly manifests: string;
  readonly views: string;
  /** Made when it is first needed. */
  readonly hubCache: string;

  constructor(readonly home: string) {
    this.blobs = join(home, "blobs");
    this.digests = join(home, "blobs", "sha256");
    this.incoming = join(home, "incoming");
    this.manifests = join(home, "manifests");
    this.views = join(home, "views");
    this.hubCache = join(home, "hub-cache");
  }

  /** Parents before children. */
  folders(): string[] {
    return [this.blobs, this.digests, this.incoming, this.manifests, this.views];
  }

  blobFolder(digest: Digest): string {
    return `${this.digests}/${digest.slice(0, 2)}`;
  }

  blob(digest: Digest): string {
    return `${this.digests}/${digest.slice(0, 2)}/${digest}`;
  }

  part(key: string): string {
    return `${this.incoming}/${key}.part`;
  }

  journal(key: string): string {
    return `${this.incoming}/${key}.journal`;
  }

  manifestFolder(model: string): string {
    return join(this.manifests, modelFolder(model));
  }

  manifest(model: string, version: string): string {
    return join(this.manifestFolder(model), `${versionFolder(version)}.json`);
  }

  viewFolder(model: string): string {
    return join(this.views, modelFolder(model));
  }

  view(model: string, version: string): string {
    return join(this.viewFolder(model), versionFolder(version));
  }
}

/** Names of the 256 folders that blobs are spread over. */
export const BLOB_FOLDERS: readonly string[] = Array.from(
  { length: 256 },
  (_, index) => index.toString(16).padStart(2, "0"),
);

const PART_KEY = /^(?:u-)?[0-9a-f]{64}$/;
const INCOMING_NAME = /^((?:u-)?[0-9a-f]{64}|x-[0-9a-f]{32})\.(?:part|journal)$/;

export function isPartKey(key: string): boolean {
  return PART_KEY.test(key);
}

/** The key of a file in `incoming/`; undefined for a name that the store never gives. */
export function keyOfIncoming(name: string): string | undefined {
  return INCOMING_NAME.exec(name)?.[1];
}

/** A key for something that is finished or forgotten by this process. */
export function scratchKey(): string {
  return `x-${randomBytes(16).toString("hex")}`;
}

const NAME_LENGTH_MAX = 200;

/** One folder name for a model, another for every other model, also where upper and lower case are the same. */
export function modelFolder(model: string): string {
  return distinctName(model, parseModelName(model).replaceAll("/", "+"));
}

/** One name for a version, like {@link modelFolder}. */
export function versionFolder(version: string): string {
  return distinctName(version, parseVersion(version));
}

/** "," is in no name, so a name with a suffix is never another name without one. */
function distinctName(original: string, name: string): string {
  if (name.length <= NAME_LENGTH_MAX && name === name.toLowerCase()) return name;
  return `${name.slice(0, NAME_LENGTH_MAX)},${sha256(original).slice(0, 16)}`;
}
