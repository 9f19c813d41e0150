import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseDigest, sha256 } from "../../src/core/index.ts";
import { openRegistry, type Registry, type VersionRecord } from "../../src/registry/index.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { readMemory } from "./shared/memory.ts";
import { seededModel, seedRegistry } from "./shared/registry-seed.ts";
import { interleave } from "./shared/rounds.ts";
import { median } from "./shared/stats.ts";
import { type Bench, type BenchContext, type Row } from "./shared/types.ts";

const MODELS = 100_000;
const SERVED_MODELS = 10_000;
const MANY_SERVED_MODELS = 50_000;
/** The runtime gives back what it used in passing. */
const IDLE_MS = 5000;
const REGISTERS = 320;
const AT_ONCE = 32;
/** About what one version adds to the log of SQLite. */
const FLUSHED_BYTES = 96 * 1024;
const GETS = 2000;
const LISTS = 50;
const LISTED = 50;
const PAGE = 1000;
const AIMS = { register: 1, get: 0.2, list: 5, kib: 1 };

/** What a registry with many models takes to ask and to change, and what they take in the memory of a server. */
export const registry: Bench = {
  name: "registry",
  title: "Registry with 100,000 models, and memory of a server with 10,000",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  return [...await calls(context), ...await memory(context)];
}

/** In the process of the bench. The number of each round is the median of its calls. */
async function calls(context: BenchContext): Promise<Row[]> {
  const path = join(context.folder, "registry.sqlite");
  const models = context.size(MODELS);
  context.say(`making ${models} models`);
  await seedRegistry(path, models);
  const opened = await openRegistry({ path });
  const numbers = Array.from({ length: GETS }, (_, i) => 1 + (i * 7919) % models);
  try {
    const ms = await interleave(context, {
      register: () => register(opened, 1),
      registerAtOnce: () => register(opened, AT_ONCE),
      flush: () => Promise.resolve(flush(join(context.folder, "flushed"))),
      findModel: () => timed(numbers, (number) => opened.findModel(seededModel(number))),
      findVersion: () => timed(numbers, (number) => opened.findVersion(seededModel(number), "1.0.0")),
      oldest: () =>
        timed(numbers.slice(0, LISTS), () => opened.listAccess({ order: "oldest", limit: LISTED })),
      leastUsed: () =>
        timed(numbers.slice(0, LISTS), () => opened.listAccess({ order: "least_used", limit: LISTED })),
    });
    const row = (what: string, larder: readonly number[], atMost: number): Row => ({
      ...{ what, larder, unit: "ms", aim: { atMost } },
    });
    return [
      row("register a version, one after the other", ms.register, AIMS.register),
      { what: "the same bytes appended and flushed, bare", unit: "ms", larder: ms.flush },
      row(`register a version, ${AT_ONCE} at once, each`, ms.registerAtOnce, AIMS.register),
      row("get a model", ms.findModel, AIMS.get),
      row("get a version with its files", ms.findVersion, AIMS.get),
      row(`oldest ${LISTED}`, ms.oldest, AIMS.list),
      row(`least used ${LISTED}`, ms.leastUsed, AIMS.list),
    ];
  } finally {
    await opened.close();
  }
}

/** @returns The median of what each call takes; of several at once their time divided by their number. Milliseconds. */
async function register(opened: Registry, atOnce: number): Promise<number> {
  const times: number[] = [];
  for (let done = 0; done < REGISTERS; done += atOnce) {
    const records = Array.from({ length: atOnce }, newVersion);
    const startMs = performance.now();
    await Promise.all(records.map((record) => opened.putVersion(record)));
    times.push((performance.now() - startMs) / atOnce);
  }
  return median(times);
}

/** What the disk alone takes for being sure. */
function flush(path: string): number {
  const fd = openSync(path, "a");
  const bytes = new Uint8Array(FLUSHED_BYTES);
  try {
    return median(Array.from({ length: REGISTERS }, () => {
      const startMs = performance.now();
      writeSync(fd, bytes);
      fdatasyncSync(fd);
      return performance.now() - startMs;
    }));
  } finally {
    closeSync(fd);
  }
}

/** Of a model that nobody knows yet, with two files. */
function newVersion(): VersionRecord {
  const name = crypto.randomUUID();
  const files = ["config.json", "model.onnx"].map((path) => ({
    ...{ path, sizeBytes: 10, digest: parseDigest(sha256(`${name}/${path}`)) },
    sources: [{ kind: "url" as const, location: `https://example.org/${name}/${path}` }],
  }));
  return {
    ...{ model: `new/${name}`, version: "1.0.0", createdAtS: Date.now() / 1000, files },
    variants: [{ name: "default", status: "downloaded", paths: files.map(({ path }) => path) }],
  };
}

function timed(numbers: readonly number[], ask: (number: number) => unknown): Promise<number> {
  const times = numbers.map((number) => {
    const startMs = performance.now();
    if (ask(number) === undefined) throw new Error(`Cannot measure: model ${number} was not found`);
    return performance.now() - startMs;
  });
  return Promise.resolve(median(times));
}

/**
 * Of servers that have answered a first list, which describes all models, or all pages of the list with what headers tell. The bytes of
 * the seeded models are nowhere, so the scrub, which would find that out, stays off.
 */
async function memory(context: BenchContext): Promise<Row[]> {
  const [some, many] = [context.size(SERVED_MODELS), context.size(MANY_SERVED_MODELS)];
  for (const models of [some, many]) {
    await mkdir(join(context.folder, homeOf(models)), { recursive: true });
    await seedRegistry(join(context.folder, homeOf(models), "registry.sqlite"), models);
  }
  const mib = await interleave(context, {
    none: () => afterListing(context, 0, "first"),
    first: () => afterListing(context, some, "first"),
    all: () => afterListing(context, some, "all"),
    many: () => afterListing(context, many, "all"),
  });
  const each = (larger: readonly number[], smaller: readonly number[], models: number) =>
    larger.map((mib, round) => (mib - (smaller[round] ?? mib)) * 1024 / models);
  return [
    {
      ...{ what: `each of ${some} models after a first list, over an empty home`, unit: "KiB" },
      ...{ larder: each(mib.first, mib.none, some), aim: { atMost: AIMS.kib } },
    },
    {
      what: "the same after all pages with what headers tell",
      unit: "KiB",
      larder: each(mib.all, mib.none, some),
    },
    {
      ...{ what: `each further one, up to ${many}`, unit: "KiB" },
      larder: each(mib.many, mib.all, many - some),
    },
    {
      ...{ what: `the server after a first list of ${some} (rss)`, against: "an empty home", unit: "MiB" },
      ...{ larder: mib.first, peer: mib.none },
    },
  ];
}

function homeOf(models: number): string {
  return `home-${models}`;
}

/** @returns Resident memory in MiB. */
async function afterListing(context: BenchContext, models: number, pages: "first" | "all"): Promise<number> {
  await using server = await LarderServer.start(context, homeOf(models), ["--scrub-bytes-per-s", "0"]);
  const query = pages === "first" ? `limit=${LISTED}&quick=true` : `limit=${PAGE}`;
  let cursor: string | null = "";
  do {
    const page: Page = await server.json("GET", `/api/models/library?${query}${cursor}`);
    if (page.total !== models) {
      throw new Error(`Cannot measure: ${page.total} of ${models} models are listed`);
    }
    cursor = page.next_cursor && `&cursor=${encodeURIComponent(page.next_cursor)}`;
  } while (cursor && pages === "all");
  await Bun.sleep(IDLE_MS);
  return readMemory(server.pid).rss;
}

interface Page {
  readonly total: number;
  readonly next_cursor: string | null;
}
