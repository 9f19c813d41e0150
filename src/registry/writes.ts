import type { ChunkMatch, Registry } from "./types.ts";
import type { WriteOps } from "./write-ops.ts";

export type RegistryWrites = Pick<
  Registry,
  | "recordBlob"
  | "setBlobState"
  | "setVerified"
  | "forgetBlobs"
  | "findChunks"
  | "putVersion"
  | "removeVersion"
  | "setAlias"
  | "removeAlias"
  | "setBestMetric"
  | "putScan"
  | "putVariantNote"
  | "removeVariantNote"
  | "putPull"
  | "putToken"
  | "removeToken"
  | "setSetting"
  | "recordUses"
  | "putPreload"
  | "removePreload"
  | "putOptions"
  | "removeOptions"
  | "putWatchedFiles"
  | "removeWatchedFiles"
>;

/** Carries one change to where changes are made. */
export type Submit = <K extends keyof WriteOps>(
  name: K,
  args: Parameters<WriteOps[K]>,
  options?: { readonly durable: boolean },
) => Promise<ReturnType<WriteOps[K]>>;

export interface WritesOptions {
  readonly submit: Submit;
  readonly findChunks: (wanted: readonly string[]) => Promise<ChunkMatch[]>;
  readonly nowS: () => number;
}

export function registryWrites({ submit, findChunks, nowS }: WritesOptions): RegistryWrites {
  return {
    recordBlob: (blob) => submit("recordBlob", [blob, nowS()]),
    setBlobState: (digest, state) => submit("setBlobState", [digest, state]),
    setVerified: (digests, atS, { durable = true } = {}) =>
      submit("setVerified", [digests, atS], { durable }),
    forgetBlobs: (digests) => submit("forgetBlobs", [digests]),
    findChunks,
    putVersion: (record) => submit("putVersion", [record, nowS()]),
    removeVersion: (model, version, { keepsWishes = false } = {}) =>
      submit("removeVersion", [model, version, nowS(), keepsWishes]),
    setAlias: (model, alias, version) => submit("setAlias", [model, alias, version, nowS()]),
    removeAlias: (model, alias) => submit("removeAlias", [model, alias, nowS()]),
    setBestMetric: (model, best) => submit("setBestMetric", [model, best, nowS()]),
    putScan: (scan) => submit("putScan", [scan]),
    putVariantNote: (note) => submit("putVariantNote", [note]),
    removeVariantNote: (model, version, variant) => submit("removeVariantNote", [model, version, variant]),
    putPull: (pull, { durable = true } = {}) => submit("putPull", [pull], { durable }),
    putToken: (token) => submit("putToken", [token]),
    removeToken: (id) => submit("removeToken", [id]),
    setSetting: (key, value, { durable = true } = {}) => submit("setSetting", [key, value], { durable }),
    recordUses: (report) => submit("recordUses", [report], { durable: false }),
    putPreload: (rows) => submit("putPreload", [rows]),
    removePreload: (references) => submit("removePreload", [references]),
    putOptions: (row) => submit("putOptions", [row]),
    removeOptions: (model, variant) => submit("removeOptions", [model, variant]),
    putWatchedFiles: (rows) => submit("putWatchedFiles", [rows]),
    removeWatchedFiles: (of) => submit("removeWatchedFiles", [of]),
  };
}
