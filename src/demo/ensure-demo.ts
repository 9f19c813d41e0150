import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isLarderError, LarderError } from "../core/index.ts";
import type { LarderApi } from "../library/index.ts";
import { DEMO_VERSIONS, type DemoVersion } from "./files.ts";

/** Two classifiers of Fisher's irises, to try without a network. */
export const DEMO_MODEL = "demo/iris";

export interface EnsureDemoOptions {
  readonly library: Pick<LarderApi, "describe" | "importPath" | "watchJob">;
  /** Where the files are unpacked. They stay: they are the source that a repair asks. */
  readonly folder: string;
  readonly signal?: AbortSignal;
}

/** Imports the versions of {@link DEMO_MODEL} that are not there. @throws {LarderError} What the import ends with. */
export async function ensureDemo({ library, folder, signal }: EnsureDemoOptions): Promise<void> {
  for (const version of DEMO_VERSIONS) {
    if (await isThere(library, version)) continue;
    const path = join(folder, "iris", version.version);
    await unpack(version, path);
    await importVersion(library, version, path, signal);
  }
}

async function isThere(library: Pick<LarderApi, "describe">, { version }: DemoVersion): Promise<boolean> {
  try {
    await library.describe(`${DEMO_MODEL}@${version}`);
    return true;
  } catch (error) {
    if (isLarderError(error, "MODEL_NOT_FOUND") || isLarderError(error, "VERSION_NOT_FOUND")) return false;
    throw error;
  }
}

async function unpack({ modelPath, metadata }: DemoVersion, path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const files = {
    "model.onnx": await Bun.file(modelPath).bytes(),
    "metadata.json": `${JSON.stringify(metadata, null, 2)}\n`,
  };
  for (const [name, bytes] of Object.entries(files)) {
    await writeFile(join(path, name), bytes, { mode: 0o600 });
  }
}

async function importVersion(
  library: Pick<LarderApi, "importPath" | "watchJob">,
  { version, metadata: { metrics } }: DemoVersion,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let job = await library.importPath({ path, model: DEMO_MODEL, version, metrics });
  for await (job of library.watchJob(job.id, signal));
  if (job.error !== null) throw LarderError.fromRecord(job.error);
  if (job.state === "done") return;
  throw new LarderError("CANCELLED", `Cannot offer ${DEMO_MODEL}@${version}: its import was interrupted`);
}
