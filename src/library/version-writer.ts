import {
  BEST,
  type BestMetric,
  type Clock,
  type Digest,
  type Events,
  KeyedQueue,
  LarderError,
  sha256,
  type VersionMetrics,
} from "../core/index.ts";
import { type Registry, toManifest, type VersionFile, type VersionRecord } from "../registry/index.ts";
import type { ModelKey } from "../cache/index.ts";
import type { BlobStore } from "../store/index.ts";
import { withoutVariant } from "./without-variant.ts";

const DERIVED_DIGITS = 12;
const SOURCES_MAX = 32;

export interface NewVersion {
  readonly model: string;
  /** Absent: derived from the content. */
  readonly version?: string;
  readonly variant: string;
  readonly files: readonly VersionFile[];
  readonly aliases: readonly string[];
  readonly metrics?: VersionMetrics;
}

/** The version of content that nobody named: digits of a digest over sorted lines of path, NUL and file digest. */
export function deriveVersion(
  files: ReadonlyArray<{ readonly path: string; readonly digest: Digest }>,
): string {
  const lines = files.map(({ path, digest }) => `${path}\0${digest}\n`).sort();
  return sha256(lines.join("")).slice(0, DERIVED_DIGITS);
}

/** Makes versions and moves aliases: the manifest first, flushed, then the row. One at a time per model. */
export class VersionWriter {
  readonly #locks = new KeyedQueue();
  #changing = 0;

  constructor(
    private readonly deps: {
      readonly registry: Registry;
      readonly store: Pick<BlobStore, "writeManifest" | "removeManifest" | "removeView" | "trimView">;
      readonly events: Events;
      readonly clock: Clock;
    },
  ) {}

  /** Manifests and rows are being changed, and may not be of one state yet. */
  get isWriting(): boolean {
    return this.#changing > 0;
  }

  /** @returns The version's name. @throws {LarderError} VERSION_EXISTS when a path of it has other bytes already. */
  async add(added: NewVersion): Promise<string> {
    const version = added.version ?? deriveVersion(added.files);
    return await this.#change(added.model, async () => {
      const before = this.deps.registry.findVersion(added.model, version);
      const record = before === undefined
        ? firstVariant(added, version, this.deps.clock.nowS())
        : withVariant(before, added);
      await this.#write(record, [...this.#aliasesOf(added.model, version), ...added.aliases]);
      for (const alias of added.aliases) await this.#moveAlias(added.model, alias, version);
      this.deps.events.emit({ type: "version", model: added.model, version });
      return version;
    });
  }

  /** The caller has made sure that the version exists. */
  async setAlias(model: string, alias: string, version: string): Promise<void> {
    await this.#change(model, async () => {
      const record = this.deps.registry.findVersion(model, version);
      if (record === undefined) {
        throw new LarderError(
          "VERSION_NOT_FOUND",
          `Cannot set alias ${alias}: ${model} has no version ${version}`,
        );
      }
      await this.#write(record, [...this.#aliasesOf(model, version), alias]);
      await this.#moveAlias(model, alias, version);
      this.deps.events.emit({ type: "alias", model, alias });
    });
  }

  /** Makes a version that is there the newest one: what it was made of has come back. */
  async renew(model: string, version: string): Promise<void> {
    await this.#change(model, async () => {
      const record = this.deps.registry.findVersion(model, version);
      if (record === undefined) return;
      await this.#write({ ...record, createdAtS: this.deps.clock.nowS() }, this.#aliasesOf(model, version));
      this.deps.events.emit({ type: "version", model, version });
    });
  }

  async removeAlias(model: string, alias: string): Promise<boolean> {
    return await this.#change(model, async () => {
      const version = this.deps.registry.findModel(model)?.aliases[alias];
      if (version === undefined) return false;
      await this.deps.registry.removeAlias(model, alias);
      await this.#rewrite(model, version);
      this.deps.events.emit({ type: "alias", model, alias });
      return true;
    });
  }

  /** @throws {LarderError} MODEL_NOT_FOUND */
  async setBestMetric(model: string, best: BestMetric | undefined): Promise<void> {
    await this.#change(model, async () => {
      await this.deps.registry.setBestMetric(model, best);
      this.deps.events.emit({ type: "alias", model, alias: BEST });
    });
  }

  async remove(model: string, version?: string): Promise<{ versions: string[]; orphans: Digest[] }> {
    return await this.#change(model, async () => {
      const versions = version === undefined
        ? (this.deps.registry.findModel(model)?.versions ?? []).map((row) => row.version)
        : [version];
      const orphans = await this.#remove(
        model,
        versions,
        () => this.deps.registry.removeVersion(model, version),
      );
      this.deps.events.emit({ type: "removed", model, ...(version === undefined ? {} : { version }) });
      return { versions, orphans };
    });
  }

  /**
   * Takes one variant away, with the files that only it has; with its last variant a version goes. What a user has set for the model
   * stays: it may come back.
   *
   * @param mayGo Asked, more than once, when nobody else changes the model any more: false keeps it.
   * @returns Digests that nothing points to any more; undefined when it stayed, or was not there.
   */
  async removeVariant(key: ModelKey, mayGo: () => boolean): Promise<Digest[] | undefined> {
    const { model, version, variant } = key;
    return await this.#change(model, async () => {
      const before = this.deps.registry.findVersion(model, version);
      if (!before?.variants.some(({ name }) => name === variant) || !mayGo()) return undefined;
      const { record, dropped } = withoutVariant(before, variant);
      if (record === undefined) {
        const keepsWishes = { keepsWishes: true };
        const removing = () => this.deps.registry.removeVersion(model, version, keepsWishes);
        const orphans = await this.#remove(model, [version], removing);
        this.deps.events.emit({ type: "removed", model, version });
        return orphans;
      }
      const paths = dropped.map(({ path }) => path);
      // Before and after, as in #remove. Whoever begins to use it meanwhile has the view made again.
      await this.deps.store.trimView(model, version, paths);
      if (!mayGo()) return undefined;
      await this.#write(record, this.#aliasesOf(model, version));
      await this.deps.store.trimView(model, version, paths);
      this.deps.events.emit({ type: "variant", model, version, variant, status: "available" });
      const digests = new Set(dropped.map(({ digest }) => digest));
      return [...digests].filter((digest) => !this.deps.registry.isReferenced(digest));
    });
  }

  /**
   * Views, manifests, rows, and views once more, which somebody may have had made meanwhile: with links in them that a crash leaves,
   * the disk would have nothing of the removal.
   */
  async #remove(
    model: string,
    versions: readonly string[],
    removeRows: () => Promise<Digest[]>,
  ): Promise<Digest[]> {
    for (const name of versions) await this.deps.store.removeView(model, name);
    // The manifest goes before the rows: a rebuild must not bring back what was removed.
    for (const name of versions) await this.deps.store.removeManifest(model, name);
    const orphans = await removeRows();
    for (const name of versions) await this.deps.store.removeView(model, name);
    return orphans;
  }

  async #change<T>(model: string, work: () => Promise<T>): Promise<T> {
    this.#changing++;
    try {
      return await this.#locks.run(model, work);
    } finally {
      this.#changing--;
    }
  }

  async #moveAlias(model: string, alias: string, version: string): Promise<void> {
    const before = this.deps.registry.findModel(model)?.aliases[alias];
    await this.deps.registry.setAlias(model, alias, version);
    if (before !== undefined && before !== version) await this.#rewrite(model, before);
  }

  async #rewrite(model: string, version: string): Promise<void> {
    const record = this.deps.registry.findVersion(model, version);
    if (record !== undefined) await this.#manifest(record, this.#aliasesOf(model, version));
  }

  async #write(record: VersionRecord, aliases: readonly string[]): Promise<void> {
    await this.#manifest(record, aliases);
    await this.deps.registry.putVersion(record);
  }

  async #manifest(record: VersionRecord, aliases: readonly string[]): Promise<void> {
    const manifest = toManifest(
      record,
      [...new Set(aliases)],
      (digest) => this.deps.registry.findBlob(digest)?.chunkDigests,
    );
    await this.deps.store.writeManifest(record.model, record.version, manifest);
  }

  #aliasesOf(model: string, version: string): string[] {
    const aliases = this.deps.registry.findModel(model)?.aliases ?? {};
    return Object.entries(aliases).filter(([, target]) => target === version).map(([alias]) => alias);
  }
}

function firstVariant(
  { model, variant, files, metrics }: NewVersion,
  version: string,
  createdAtS: number,
): VersionRecord {
  return {
    model,
    version,
    createdAtS,
    files,
    variants: [{ name: variant, status: "downloaded", paths: files.map((file) => file.path) }],
    ...joinMetrics(undefined, metrics),
  };
}

function withVariant(before: VersionRecord, added: NewVersion): VersionRecord {
  const files = new Map(before.files.map((file) => [file.path, file]));
  for (const file of added.files) {
    const known = files.get(file.path);
    if (known !== undefined && known.digest !== file.digest) throw versionExists(before, file.path);
    files.set(
      file.path,
      known === undefined ? file : { ...known, ...file, sources: joinSources(file, known) },
    );
  }
  const { variants } = firstVariant(added, before.version, before.createdAtS);
  const others = before.variants.filter((variant) => variant.name !== added.variant);
  const replaced = before.variants.find((variant) => variant.name === added.variant);
  if (
    replaced !== undefined && replaced.paths.some((path) => !added.files.some((file) => file.path === path))
  ) {
    throw versionExists(before, replaced.paths[0] ?? "");
  }
  const { model, version, createdAtS } = before;
  return {
    ...{ model, version, createdAtS },
    files: [...files.values()],
    variants: [...others, ...variants],
    ...joinMetrics(before.metrics, added.metrics),
  };
}

/** A version never changes, but what was measured of it may be measured again. */
function joinMetrics(
  before: VersionMetrics | undefined,
  added: VersionMetrics | undefined,
): Pick<VersionRecord, "metrics"> {
  const metrics = { ...before, ...added };
  return Object.keys(metrics).length === 0 ? {} : { metrics };
}

/** The newest sources first; every one is kept, as each may be the one that still answers when a repair needs it. */
function joinSources(added: VersionFile, known: VersionFile): VersionFile["sources"] {
  const seen = new Set<string>();
  return [...added.sources, ...known.sources].filter(({ location }) =>
    !seen.has(location) && seen.add(location)
  ).slice(0, SOURCES_MAX);
}

export function versionExists(
  row: { readonly model: string; readonly version: string },
  path: string,
): LarderError {
  return new LarderError(
    "VERSION_EXISTS",
    `Cannot change ${row.model}@${row.version}: it is there with other content (${path})`,
    {
      field: "revision",
      hint: "A version never changes: give another version, or remove this one first.",
    },
  );
}
