/** A native library inside the executable, compressed with zstd. */
export interface EmbeddedFile {
  /** Where it goes below the folder of libraries: `onnx/libonnxruntime.so.1`. */
  readonly name: string;
  /** Readable, but nothing that the system's loader could open. */
  readonly path: string;
  /** Of the library itself. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface EmbeddedLibraries {
  /** Names these very files: 16 hex digits. */
  readonly build: string;
  /** None when the executable was built for a platform without prebuilt libraries. */
  readonly files: readonly EmbeddedFile[];
}

/** scripts/build.ts puts another module here, with what the executable carries; the source as it is uses the packages. */
export const EMBEDDED: EmbeddedLibraries | undefined = undefined;
