import type { ModelFile } from "./types.ts";

/** Names the contents of all files together, whatever they are called and in whatever order they come: 64 hex digits. */
export function loadKey(files: readonly ModelFile[]): string {
  const digests = files.map(({ sha256 }) => sha256).sort();
  return new Bun.CryptoHasher("sha256").update(digests.join("\n")).digest("hex");
}
