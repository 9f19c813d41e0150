import { copyFileSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DataFiles } from "./shared/data-files.ts";
import { describeEnvironment, loadNow } from "./shared/machine.ts";
import { Processes } from "./shared/processes.ts";
import { findTool } from "./shared/tools.ts";
import type { Bench, BenchContext, BenchResult } from "./shared/types.ts";

const QUICK_DIVISOR = 8;
/** The parts of the work folder that are ours: nothing else in it is ever removed. */
const OWN = ["data", "bin", "runs"];

export interface SessionOptions {
  /** An absolute path. */
  readonly work: string;
  /** The executable to measure. */
  readonly larder: string;
  readonly pairs: number;
  readonly quick: boolean;
  /** Leaves the data files for the next run. */
  readonly keep: boolean;
  readonly say: (text: string) => void;
}

/** One run of one or more benches: its work folder and its processes, both gone at the end. */
export class Session {
  readonly #options: SessionOptions;
  readonly #processes = new Processes();
  readonly #larder: string;
  readonly #data: DataFiles;

  constructor(options: SessionOptions) {
    const { work, larder } = options;
    this.#options = options;
    this.#larder = join(work, "bin", "larder");
    this.#data = new DataFiles(join(work, "data"));
    for (const folder of OWN) mkdirSync(join(work, folder), { recursive: true });
    copyFileSync(larder, this.#larder);
  }

  /** @throws {Error} Something broke; a missed aim is no error. */
  async run(bench: Bench): Promise<BenchResult> {
    const { work, pairs, quick } = this.#options;
    for (const tool of bench.needs) findTool(tool);
    const environment = await describeEnvironment({
      processes: this.#processes,
      larder: this.#larder,
      folder: work,
      tools: bench.needs,
    });
    const [startedAt, loadBefore] = [new Date(), loadNow()];
    const rows = await this.#rows(bench);
    return {
      name: bench.name,
      title: bench.title,
      started_at: startedAt.toISOString(),
      took_s: (Date.now() - startedAt.getTime()) / 1000,
      pairs,
      quick,
      load_before: loadBefore,
      environment,
      rows,
    };
  }

  /** Does not wait for processes to end, so that a signal handler can call it. */
  close(): void {
    this.#processes.abandon();
    const { work, keep } = this.#options;
    for (const folder of OWN) {
      if (!(keep && folder === "data")) rmSync(join(work, folder), { recursive: true, force: true });
    }
    removeIfEmpty(work);
  }

  async #rows(bench: Bench): Promise<BenchResult["rows"]> {
    const folder = join(this.#options.work, "runs", bench.name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    try {
      return await bench.run(this.#context(bench, folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #context(bench: Bench, folder: string): BenchContext {
    const { work, pairs, quick, say } = this.#options;
    return {
      larder: this.#larder,
      folder,
      root: work,
      data: this.#data,
      processes: this.#processes,
      pairs,
      quick,
      size: (bytes) => quick ? Math.floor(bytes / QUICK_DIVISOR) : bytes,
      say: (text) => say(`${bench.name}: ${text}`),
    };
  }
}

/** Whatever else the user keeps in it stays. */
function removeIfEmpty(folder: string): void {
  if (readdirSync(folder).length === 0) rmdirSync(folder);
}
