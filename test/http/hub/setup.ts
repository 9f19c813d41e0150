import { createHash } from "node:crypto";
import { join } from "node:path";
import { startHubHttp } from "../../../src/http/index.ts";
import { createHubServing } from "../../../src/library/index.ts";
import type { RepoInfo } from "../../../src/hub/types.ts";
import type { Registry } from "../../../src/registry/index.ts";
import type { BlobStore } from "../../../src/store/index.ts";
import { openTestLibrary, type TestLibrary } from "../../helpers/library.ts";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

export const HUB_CONFIG = {
  hubHost: "127.0.0.1",
  hubPort: 0,
  allowHosts: [] as readonly string[],
  connectionsMax: 100,
  bodyBytesMax: 20_000,
  shutdownS: 2,
};

export interface HubRunning extends AsyncDisposable {
  readonly larder: TestLibrary;
  /** `http://127.0.0.1:40001`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly fetch: (target: string, init?: RequestInit) => Promise<Response>;
}

export interface HubRunningOptions {
  readonly config?: Partial<typeof HUB_CONFIG>;
  /** What a hub said of each model. */
  readonly infos?: Readonly<Record<string, RepoInfo>>;
  readonly larder?: TestLibrary;
}

/** A listener for the hub's clients before a real library, both gone at the end of the test. */
export async function hubRunning(
  { config, infos = {}, larder: given }: HubRunningOptions = {},
): Promise<HubRunning> {
  const larder = given ?? await openTestLibrary();
  const serving = createHubServing({ registry: larder.registry, info: (model) => infos[model] });
  const server = await startHubHttp({
    library: larder.library,
    serving,
    config: { ...HUB_CONFIG, ...config },
  });
  return {
    larder,
    url: server.url.origin,
    port: Number(server.url.port),
    fetch: (target, init) => fetch(new URL(target, server.url), { redirect: "manual", ...init }),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await larder[Symbol.asyncDispose]();
    },
  };
}

export interface GivenFile {
  readonly bytes: Uint8Array | string;
  /** Kept in the repository itself, and so known by Git's name. */
  readonly inGit?: boolean;
}

export interface GivenVersion {
  readonly model: string;
  readonly version: string;
  readonly files: Readonly<Record<string, GivenFile>>;
  readonly createdAtS?: number;
}

/** Puts a version into a home as a pull would leave it. */
export async function addVersion(
  { registry, store, home }: { registry: Registry; store: BlobStore; home: string },
  { model, version, files, createdAtS = 1_700_000_000 }: GivenVersion,
): Promise<void> {
  const rows = [];
  for (const [path, { bytes, inGit = false }] of Object.entries(files)) {
    const given = join(home, "..", "given");
    await Bun.write(given, bytes);
    const { digest, sizeBytes, chunkDigests } = await store.importFile(given, { mode: "copy" });
    const gitOid = inGit ? { gitOid: gitOidOf(bytes) } : {};
    await registry.recordBlob({ digest, sizeBytes, chunkDigests, ...gitOid });
    rows.push({ path, digest, sizeBytes, sources: [], ...gitOid });
  }
  const paths = rows.map(({ path }) => path);
  const variants = [{ name: "default", status: "downloaded", paths } as const];
  await registry.putVersion({ model, version, createdAtS, files: rows, variants });
}

/** What `git hash-object` prints. */
export function gitOidOf(content: Uint8Array | string): string {
  const bytes = Buffer.from(content as string);
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** What git-lfs would keep in the repository (docs/spec.md of git-lfs). */
export function pointerOf(content: Uint8Array | string): string {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${
    Buffer.from(content as string).length
  }\n`;
}

/** Status, and headers by lower-case name. */
export function headOf(response: Response): { status: number; headers: Record<string, string> } {
  return { status: response.status, headers: Object.fromEntries(response.headers) };
}
