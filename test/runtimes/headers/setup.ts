import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ErrorCode, LarderError } from "../../../src/core/index.ts";
import type { ByteReader } from "../../../src/runtimes/headers/index.ts";
import type { ModelFile } from "../../../src/runtimes/types.ts";
import { digestOf } from "../../helpers/digest.ts";

export interface CountingReader extends ByteReader {
  readonly reads: readonly number[];
}

/** Reads bytes in memory, and notes how much was asked for at once. `sizeBytes` may claim more than there is. */
export function readerOf(
  bytes: Uint8Array,
  { path = "file", sizeBytes = bytes.byteLength }: { readonly path?: string; readonly sizeBytes?: number } =
    {},
): CountingReader {
  const reads: number[] = [];
  return {
    path,
    sizeBytes,
    reads,
    read: (position, length) => {
      if (position < 0 || length < 0 || position + length > sizeBytes) {
        throw new Error(`${length} bytes are read at ${position} of ${sizeBytes}`);
      }
      reads.push(length);
      const part = new Uint8Array(length);
      part.set(bytes.subarray(position, position + length));
      return Promise.resolve(part);
    },
  };
}

export interface Fault {
  readonly code: ErrorCode;
  readonly offset: unknown;
  readonly message: string;
}

/** What a promise is rejected with. @throws When it is not, or with something other than a {@link LarderError}. */
export async function faultOf(work: Promise<unknown>): Promise<Fault> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof LarderError)) throw error;
    return { code: error.code, offset: error.details?.["offset"], message: error.message };
  }
  throw new Error("Nothing was refused");
}

/** Writes files below a folder and gives them as a version would have them. */
export async function modelFiles(
  folder: string,
  contents: Readonly<Record<string, Uint8Array | string>>,
): Promise<ModelFile[]> {
  const files: ModelFile[] = [];
  for (const [path, content] of Object.entries(contents)) {
    const localPath = join(folder, path);
    const bytes = Buffer.from(content);
    await mkdir(dirname(localPath), { recursive: true });
    await writeFile(localPath, bytes);
    files.push({ path, localPath, sizeBytes: bytes.byteLength, sha256: digestOf(bytes) });
  }
  return files;
}
