import type { ModelKey } from "../../cache/index.ts";

/** A variant under one string, for those who count it again and again. */
export interface UsedVariant extends ModelKey {
  readonly id: string;
}

export function usedVariant({ model, version, variant }: ModelKey): UsedVariant {
  return { id: `${model}\n${version}\n${variant}`, model, version, variant };
}
