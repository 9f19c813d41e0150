import type { ServedBy } from "../../library/index.ts";

/**
 * Which version answered, for clients that look at headers only: `X-Larder-Version`; and when it is not the one that was asked for,
 * `X-Larder-Fallback`: that one, and the code of what was wrong with it (`iris@2:default; code=MODEL_BROKEN`).
 */
export function servedHeaders({ version, fallback }: ServedBy): Record<string, string> {
  const headers: Record<string, string> = { "x-larder-version": version };
  if (fallback !== undefined) headers["x-larder-fallback"] = `${fallback.asked}; code=${fallback.error.code}`;
  return headers;
}
