// deno-lint-ignore-file no-console
import { snapshotDownload } from "@huggingface/hub";

// Run as a program: hub-snapshot.ts <hub> <repository> <cache folder>; prints the seconds that the download took.
const [hubUrl = "", repo = "", cacheDir = ""] = Bun.argv.slice(2);
// It tells of every file; to wait for whoever reads that is no part of its work.
console.debug = () => {};
const startMs = performance.now();
await snapshotDownload({ repo, hubUrl, cacheDir });
console.log(JSON.stringify({ seconds: (performance.now() - startMs) / 1000 }));
