import type { ModelTarget } from "../../library/index.ts";
import { modelTarget } from "../infer/target.ts";
import { decode } from "../target.ts";

export type KserveTarget =
  | { readonly kind: "server" | "live" | "ready" | "index" }
  | { readonly kind: "metadata" | "modelReady" | "infer" | "load" | "unload"; readonly target: ModelTarget };

const FIXED: ReadonlyMap<string, KserveTarget> = new Map([
  ["/v2", { kind: "server" }],
  ["/v2/", { kind: "server" }],
  ["/v2/health/live", { kind: "live" }],
  ["/v2/health/ready", { kind: "ready" }],
  ["/v2/repository/index", { kind: "index" }],
]);

const MODELS = "/v2/models/";
const REPOSITORY = "/v2/repository/models/";

export function isKservePath(path: string): boolean {
  return path === "/v2" || path.startsWith("/v2/");
}

/**
 * Reads an address. A model's name may hold slashes: raw ones where it can be told from the words of the protocol, which are looked
 * for at the end; always when they are percent-encoded. It may also be a whole reference, `acme/tiny:q4`.
 *
 * @param path Still encoded.
 * @returns undefined when the protocol has no such address.
 * @throws {LarderError} BAD_NAME, BAD_REFERENCE
 */
export function parseKserveTarget(path: string): KserveTarget | undefined {
  const fixed = FIXED.get(path);
  if (fixed !== undefined) return fixed;
  if (path.startsWith(MODELS)) return parseModel(path.slice(MODELS.length).split("/"));
  if (path.startsWith(REPOSITORY)) return parseRepository(path.slice(REPOSITORY.length).split("/"));
  return undefined;
}

function parseModel(segments: readonly string[]): KserveTarget {
  const last = segments.length > 1 ? segments.at(-1) : undefined;
  if (last === "infer") return { kind: "infer", target: versioned(segments.slice(0, -1)) };
  if (last === "ready") return { kind: "modelReady", target: versioned(segments.slice(0, -1)) };
  return { kind: "metadata", target: versioned(segments) };
}

function versioned(segments: readonly string[]): ModelTarget {
  if (segments.length < 3 || segments.at(-2) !== "versions") return modelTarget(nameOf(segments));
  return modelTarget(nameOf(segments.slice(0, -2)), { version: decode(segments.at(-1) ?? "", "BAD_NAME") });
}

function parseRepository(segments: readonly string[]): KserveTarget | undefined {
  const last = segments.length > 1 ? segments.at(-1) : undefined;
  if (last !== "load" && last !== "unload") return undefined;
  return { kind: last, target: modelTarget(nameOf(segments.slice(0, -1))) };
}

function nameOf(segments: readonly string[]): string {
  return decode(segments.join("/"), "BAD_NAME");
}
