import { join, resolve } from "node:path";

const MAIN = resolve(import.meta.dir, "../../src/main.ts");
const START_MS = 10_000;

export interface ProcessOptions {
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A shell line that runs `"$@"`, to set a umask or close a stream; runs it directly by default. */
  readonly shell?: string;
}

export interface LarderProcess {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** `http://127.0.0.1:40001` */
  readonly url: string;
}

export interface VerbResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The last document of stdout. */
  readonly json: Record<string, unknown>;
}

/** Starts the program in a process of its own, from source, with nothing of this one's environment that it would read. */
export function spawnLarder(
  argv: readonly string[],
  options: ProcessOptions,
): Bun.Subprocess<"ignore", "pipe", "pipe"> {
  const command = [process.execPath, MAIN, ...argv];
  return Bun.spawn(options.shell === undefined ? command : ["sh", "-c", options.shell, "sh", ...command], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      HOME: options.home,
      LARDER_HOME: join(options.home, "home"),
      LARDER_HUB_PORT: "0",
      LARDER_ALLOW_ORIGINS: "http://127.0.0.1:*",
      ...options.env,
    },
  });
}

/** Runs a verb with `--json` to its end. */
export async function runVerb(argv: readonly string[], options: ProcessOptions): Promise<VerbResult> {
  return await resultOf(spawnLarder([...argv, "--json"], options));
}

export async function resultOf(child: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<VerbResult> {
  const [stdout, stderr, code] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  return { code, stdout, stderr, json: last.startsWith("{") ? JSON.parse(last) : {} };
}

/** Starts a server on a free port and waits until it says where it listens. Kill it at the end. */
export async function startServer(
  options: ProcessOptions,
  argv: readonly string[] = [],
): Promise<LarderProcess> {
  const child = spawnLarder(["serve", "--port", "0", "--json", ...argv], options);
  const reader = child.stdout.getReader();
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  const { value } = await reader.read();
  clearTimeout(timer);
  reader.releaseLock();
  if (value === undefined) throw new Error(`The server did not start:\n${await child.stderr.text()}`);
  return { child, url: JSON.parse(new TextDecoder().decode(value).split("\n")[0] ?? "").url };
}
