// A bundled module reports the executable's own address (`file:///$bunfs/root/larder`) as its `import.meta.url`,
// wherever its source lay, so "./hash.worker.ts" beside the caller is not found there. scripts/build.ts
// keeps the tree below src/ under that root, which makes one base right for both cases.
const EMBEDDED_ROOT = /^file:\/\/\/\$bunfs\/root\//;
const SOURCE_ROOT = new URL(EMBEDDED_ROOT.exec(import.meta.url)?.[0] ?? "../", import.meta.url);

/**
 * Starts `src/<name>.worker.ts` in its own thread. Works from source, under `bun test`, inside another worker and in
 * the compiled executable, where `new Worker(new URL("./x.worker.ts", import.meta.url))` does not.
 *
 * The caller terminates the worker, or calls `unref()` when it may not keep the process alive.
 *
 * @param name Path below `src/` without its ending, `store/hash` for `src/store/hash.worker.ts`. A folder spawns its own workers only.
 */
export function spawnWorker(name: `${string}/${string}`, options?: WorkerOptions): Worker {
  return new Worker(new URL(`${name}.worker.ts`, SOURCE_ROOT), options);
}
