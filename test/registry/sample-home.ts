import { join } from "node:path";
import { chunkCount, type Digest, packDigests } from "../../src/core/index.ts";
import {
  type PullRow,
  type RebuildSource,
  type Registry,
  toManifest,
  type VersionRecord,
} from "../../src/registry/index.ts";
import { digestOf, gitOidOf, versionOf } from "./fixtures.ts";

export const TOKEN = { id: "t1", name: "ci", digest: digestOf("secret"), scopes: ["read"], createdAtS: 5 };
export const PULL: PullRow = {
  id: "p1",
  model: "iris",
  variant: "default",
  state: "paused",
  createdAtS: 1,
  updatedAtS: 1,
  request: { model: "iris" },
  files: [],
};

/** A file of every version, small enough that a hub names it by Git. */
export const SHARED = "shared by all";

export interface Home {
  readonly path: string;
  readonly records: readonly VersionRecord[];
  readonly source: RebuildSource;
  readonly blobs: Map<Digest, number>;
}

export function chunksOf(digest: Digest, sizeBytes: number): Uint8Array {
  return packDigests(Array.from({ length: chunkCount(sizeBytes) }, (_, n) => digestOf(`${digest} ${n}`)));
}

/** What a library keeps beside the registry: manifests as text on disk would be, blobs by name and length, tokens. */
export function home(folder: string): Home {
  const records = Array.from({ length: 60 }, (_, n) =>
    versionOf(
      `org${n % 7}/model-${n % 20}`,
      `1.${n}.0`,
      [
        { path: "config.json", content: SHARED, gitOid: gitOidOf(SHARED) },
        { path: "weights.bin", content: `weights ${n}`, sizeBytes: 11_000_000 + n },
      ],
      1000 + n,
    ));
  const blobs = new Map(records.flatMap((one) => one.files).map((file) => [file.digest, file.sizeBytes]));
  const aliasesOf = (record: VersionRecord) => record.version === "1.40.0" ? ["stable", "constructor"] : [];
  return {
    path: join(folder, "registry.sqlite"),
    records,
    blobs,
    source: {
      async *manifests() {
        for (const record of records) {
          const sizes = new Map(record.files.map((file) => [file.digest, file.sizeBytes]));
          const manifest = toManifest(
            record,
            aliasesOf(record),
            (digest) => chunksOf(digest, sizes.get(digest)!),
            2000,
          );
          yield JSON.parse(JSON.stringify(manifest));
        }
      },
      async *blobs() {
        for (const [digest, sizeBytes] of blobs) yield { digest, sizeBytes };
      },
      tokens: async () => [TOKEN],
    },
  };
}

export async function fill(registry: Registry, { records, blobs }: Home): Promise<void> {
  await Promise.all(
    [...blobs].map(([digest, sizeBytes]) =>
      registry.recordBlob({ digest, sizeBytes, chunkDigests: chunksOf(digest, sizeBytes) })
    ),
  );
  for (const record of records) await registry.putVersion(record);
  await registry.setAlias("org5/model-0", "stable", "1.40.0");
  await registry.setAlias("org5/model-0", "constructor", "1.40.0");
  await registry.putToken(TOKEN);
  await registry.putPull(PULL);
  await registry.setSetting("rate", "5");
}
