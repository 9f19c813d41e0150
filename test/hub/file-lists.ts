import { findVariants, type HubFile, type HubVariant } from "../../src/hub/index.ts";

/** Files of one byte each. */
export function asFiles(paths: readonly string[]): HubFile[] {
  return paths.map((path) => ({ path, sizeBytes: 1, gitOid: "0".repeat(40) }));
}

export function variantsOf(paths: readonly string[], config?: unknown): readonly HubVariant[] {
  return findVariants(asFiles(paths), config).variants;
}

/** Weight files by the name of their variant. */
export function weightsOf(paths: readonly string[], config?: unknown): Record<string, readonly string[]> {
  return Object.fromEntries(variantsOf(paths, config).map(({ name, weightFiles }) => [name, weightFiles]));
}
