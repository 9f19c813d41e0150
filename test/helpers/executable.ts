import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ensureBuilt, takeSetupLock } from "../../scripts/prepare.ts";
import { resultOf, type VerbResult } from "./larder-process.ts";
import { type TempFolder, tempFolder } from "./temp-folder.ts";

const EXECUTABLE = resolve(import.meta.dir, "../../dist/larder");
const START_MS = 10_000;

/**
 * The path of the compiled program, as new as its sources; compiles it when it is not. `LARDER_TEST_EXECUTABLE` names another
 * one to test, such as a release.
 */
export async function executable(): Promise<string> {
  const named = process.env["LARDER_TEST_EXECUTABLE"];
  if (named) return resolve(named);
  using _lock = takeSetupLock();
  await ensureBuilt();
  return EXECUTABLE;
}

export interface RunOptions {
  /** Instead of the executable of the checkout. */
  readonly program?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A shell line that runs `"$@"`, to set a umask. */
  readonly shell?: string;
}

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

/** A folder in which the executable is used: the home, and every process that was started for it. Ends them all at the end. */
export class Place implements AsyncDisposable {
  readonly #children = new Set<Child>();
  readonly #folder: TempFolder | undefined;

  constructor(readonly path: string, private readonly program: string, folder?: TempFolder) {
    this.#folder = folder;
  }

  get home(): string {
    return join(this.path, "home");
  }

  inHome(...names: string[]): string {
    return join(this.home, ...names);
  }

  /** Starts the executable with nothing of this process's environment but the way to other programs. */
  spawn(argv: readonly string[], options: RunOptions = {}): Child {
    const command = [options.program ?? this.program, ...argv];
    const child = Bun.spawn(
      options.shell === undefined ? command : ["sh", "-c", options.shell, "sh", ...command],
      {
        stdio: ["ignore", "pipe", "pipe"],
        cwd: options.cwd ?? this.path,
        env: {
          PATH: process.env["PATH"],
          HOME: this.path,
          LARDER_HOME: this.home,
          LARDER_HUB_PORT: "0",
          LARDER_ALLOW_ORIGINS: "http://127.0.0.1:*",
          ...options.env,
        },
      },
    );
    this.#children.add(child);
    void child.exited.then(() => this.#children.delete(child));
    return child;
  }

  /** Runs a verb with `--json` to its end. */
  run(...argv: readonly string[]): Promise<VerbResult> {
    return this.runWith({}, ...argv);
  }

  async runWith(options: RunOptions, ...argv: readonly string[]): Promise<VerbResult> {
    return await resultOf(this.spawn([...argv, "--json"], options));
  }

  /** Starts a server on a free port; it may not have begun to listen yet, and may never do so. */
  launch(argv: readonly string[] = [], options: RunOptions = {}): Server {
    return new Server(
      this.spawn(["serve", "--port", "0", "--log-format", "json", "--json", ...argv], options),
    );
  }

  /** Starts a server and waits until it listens. */
  async serve(argv: readonly string[] = [], options: RunOptions = {}): Promise<Server> {
    const server = this.launch(argv, options);
    await server.listening(START_MS);
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGKILL");
      await child.exited;
    }
    await this.#folder?.[Symbol.asyncDispose]();
  }
}

/** A place in a new temporary folder, or in one that is there. */
export async function place(path?: string): Promise<Place> {
  const program = await executable();
  if (path !== undefined) {
    await mkdir(path, { recursive: true });
    return new Place(path, program);
  }
  const folder = await tempFolder();
  return new Place(folder.path, program, folder);
}

/** A running `larder serve`. Its output is read all the time, so that a full pipe never holds it up. */
export class Server {
  #out = "";
  #log = "";
  readonly #ended: Promise<unknown>;
  readonly #announced = Promise.withResolvers<void>();

  constructor(readonly child: Child) {
    const stdout = gather(child.stdout, (text) => {
      this.#out += text;
      if (this.#out.includes("\n")) this.#announced.resolve();
    });
    this.#ended = Promise.all([stdout, gather(child.stderr, (text) => void (this.#log += text))]);
  }

  /** Everything it has logged so far. */
  get log(): string {
    return this.#log;
  }

  /** `http://127.0.0.1:40001` */
  get url(): string {
    return this.#announcement().url;
  }

  /** Of the server itself, also when a shell started it. */
  get pid(): number {
    return this.#announcement().pid;
  }

  #announcement(): { url: string; pid: number } {
    const [line = ""] = this.#out.split("\n", 1);
    const said = line === "" ? {} : JSON.parse(line);
    if (typeof said.url !== "string") throw new Error(`The server did not start: ${line}\n${this.#log}`);
    return said;
  }

  /** Resolves when it says where it listens. */
  async listening(withinMs: number): Promise<void> {
    const timer = setTimeout(() => this.child.kill("SIGKILL"), withinMs);
    await Promise.race([this.#announced.promise, this.#ended]);
    clearTimeout(timer);
    this.#announcement();
  }

  /** Sends a signal and waits for the end. Gives the exit code. */
  async stop(signal: "SIGTERM" | "SIGINT" | "SIGKILL" = "SIGTERM"): Promise<number> {
    this.child.kill(signal);
    const code = await this.child.exited;
    await this.#ended;
    return code;
  }
}

async function gather(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) take(decoder.decode(bytes, { stream: true }));
}
