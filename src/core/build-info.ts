/** Replaced by scripts/build.ts when it compiles; absent when the source runs as it is. */
declare const LARDER_VERSION: string;
declare const LARDER_COMMIT: string;

/** What this executable was built from. `commit` is empty when it was built outside a git checkout. */
export const BUILD: { readonly version: string; readonly commit: string } = Object.freeze({
  version: typeof LARDER_VERSION === "undefined" ? "0.0.0-source" : LARDER_VERSION,
  commit: typeof LARDER_COMMIT === "undefined" ? "" : LARDER_COMMIT,
});
