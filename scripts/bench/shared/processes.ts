const RUN_MS = 5 * 60_000;
const STOP_MS = 10_000;
/** How much of what a failed program said is shown. */
const SAID_MAX = 2000;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

export interface StartOptions extends RunOptions {
  /** Where its messages go. */
  readonly log: string;
}

export type Started = Bun.Subprocess<"ignore", "pipe", Bun.BunFile>;

/** Every program that a run of benches starts, so that none outlives it. */
export class Processes {
  readonly #alive = new Set<Bun.Subprocess>();

  /** Runs a program to its end. @returns what it printed. @throws {Error} Its exit code was not 0, or it took too long. */
  async run(
    command: readonly string[],
    { timeoutMs = RUN_MS, ...options }: RunOptions = {},
  ): Promise<string> {
    const child = Bun.spawn([...command], {
      ...options,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    this.#watch(child);
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    if (await child.exited === 0) return stdout;
    const reason = child.signalCode === null
      ? `exit code ${child.exitCode}`
      : `killed by ${child.signalCode}`;
    throw new Error(`${command.join(" ").slice(0, 300)}: ${reason}\n${(stderr + stdout).slice(-SAID_MAX)}`);
  }

  /** Starts a program that is to run until {@link stop}. */
  start(command: readonly string[], { log, ...options }: StartOptions): Started {
    const child = Bun.spawn([...command], { ...options, stdio: ["ignore", "pipe", Bun.file(log)] });
    this.#watch(child);
    return child;
  }

  /** In order if it can, by force if it cannot. */
  async stop(child: Bun.Subprocess): Promise<void> {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await child.exited;
    clearTimeout(timer);
  }

  /** For the end by a signal: nothing is waited for. */
  abandon(): void {
    for (const child of this.#alive) child.kill("SIGTERM");
  }

  #watch(child: Bun.Subprocess): void {
    this.#alive.add(child);
    void child.exited.then(() => this.#alive.delete(child));
  }
}

/** How long some work takes, in seconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}
