import { join } from "node:path";
import { type Announced, startAnnounced } from "./hub-announced.ts";
import type { HubRequest } from "./hub-answers.ts";
import type { HubRepository } from "./hub-repository.ts";
import type { BenchContext } from "./types.ts";

const SERVER = join(import.meta.dir, "hub-server.ts");

export type HubCounts = Readonly<Record<HubRequest, number>>;

/** The hub of a bench, running. */
export class HubProcess implements AsyncDisposable {
  readonly url: string;
  readonly #process: AsyncDisposable;

  private constructor(process: Announced<{ readonly url: string }>) {
    this.url = process.said.url;
    this.#process = process;
  }

  /** @throws {Error} It did not start. */
  static async start(
    { folder, processes }: BenchContext,
    repositories: readonly HubRepository[],
  ): Promise<HubProcess> {
    const given = join(folder, "hub.json");
    await Bun.write(given, JSON.stringify(repositories));
    const command = [process.execPath, SERVER, given];
    return new HubProcess(await startAnnounced(processes, command, { log: join(folder, "hub.log") }));
  }

  /** What it was asked since it started. */
  async counts(): Promise<HubCounts> {
    return await (await fetch(`${this.url}/__counts`)).json() as HubCounts;
  }

  /** What it is asked while some work runs. */
  async countDuring(work: () => Promise<unknown>): Promise<HubCounts> {
    const before = await this.counts();
    await work();
    const after = Object.entries(await this.counts()) as [HubRequest, number][];
    return Object.fromEntries(after.map(([kind, count]) => [kind, count - before[kind]])) as HubCounts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** All of them, whatever they are for. */
export function requestsIn(counts: HubCounts): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
