// deno-lint-ignore-file no-console
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { explain } from "./build.ts";
import { prepare } from "./prepare.ts";
import { summarize } from "./run-tests.ts";

const EXECUTABLE = resolve(import.meta.dir, "../dist/larder");
const START_MS = 10_000;
const POLL_MS = 100;
const STOP_MS = 5_000;
const VERB_MS = 60_000;
/** How much of the server's log a failure shows. */
const LOG_LINES = 5;
const MODEL = "acme/tiny";
const VERSION = "1.0.0";
/** Three chunks, the last one shorter. */
const MODEL_BYTES = 12_345_678;

type Server = { readonly process: Bun.Subprocess; readonly url: string };

const folder = await mkdtemp(join(tmpdir(), "larder-drive-"));
const model = randomBytes(MODEL_BYTES);
const digest = new Bun.CryptoHasher("sha256").update(model).digest("hex");
const LOG = join(folder, "serve.log");
const port = freePort();
const env = {
  PATH: process.env["PATH"],
  HOME: folder,
  LARDER_HOME: join(folder, "home"),
  LARDER_PORT: String(port),
  LARDER_ALLOW_ORIGINS: "http://127.0.0.1:*",
};

function freePort(): number {
  const probe = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const free = probe.port;
  void probe.stop(true);
  if (free === undefined) throw new Error("Cannot find a free port");
  return free;
}

/** Serves the model with ranges and a strong ETag, as a hub's storage does. */
async function startOrigin(): Promise<Bun.Server<undefined>> {
  const path = join(folder, "tiny.bin");
  await Bun.write(path, model);
  const headers = { etag: `"${digest}"` };
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(Bun.file(path), { headers }),
  });
}

async function start(): Promise<Server> {
  const server = Bun.spawn([EXECUTABLE, "serve"], {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", Bun.file(LOG)],
  });
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + START_MS;
  while (server.exitCode === null && Date.now() < deadline) {
    // Nobody listens yet: refused is the expected answer until the deadline.
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.ok) return { process: server, url };
    await Bun.sleep(POLL_MS);
  }
  server.kill("SIGKILL");
  throw new Error(`The server did not become ready in ${START_MS} ms; exit code ${server.exitCode}`);
}

async function stop({ process: server }: Server): Promise<void> {
  server.kill("SIGTERM");
  const exitCode = await Promise.race([server.exited, Bun.sleep(STOP_MS).then(() => "none, it still runs")]);
  if (exitCode !== 0) {
    throw new Error(`Expected exit code 0 within ${STOP_MS} ms of SIGTERM, got ${exitCode}`);
  }
}

/** Runs a program to its end and gives what it printed. */
async function run(command: readonly string[]): Promise<Buffer> {
  const child = Bun.spawn([...command], {
    cwd: folder,
    env,
    stdout: "pipe",
    stderr: "pipe",
    timeout: VERB_MS,
  });
  const [out, err] = await Promise.all([child.stdout.bytes(), child.stderr.text()]);
  if (await child.exited !== 0) throw new Error(`${command.join(" ")}: exit code ${child.exitCode}\n${err}`);
  return Buffer.from(out);
}

const larder = (...args: string[]) => run([EXECUTABLE, ...args, "--json"]);

async function expectRange(server: Server, first: number, last: number): Promise<void> {
  const url = `${server.url}/api/files/${MODEL}/${VERSION}/tiny.bin`;
  const part = await run(["curl", "--silent", "--show-error", "--fail", "--range", `${first}-${last}`, url]);
  if (!part.equals(model.subarray(first, last + 1))) throw new Error(`Bytes ${first}-${last} differ`);
}

function expectNamed(output: Buffer, name: string): void {
  if (!output.includes(name)) throw new Error(`Expected ${name} in: ${output}`);
}

/** Each step stands on the ones before it, so the first failure ends the drive and the rest counts as failed. */
async function drive(): Promise<{ passed: number; failed: number; skipped: number }> {
  const origin = await startOrigin();
  const source = `http://127.0.0.1:${origin.port}/tiny.bin`;
  let server: Server | undefined;
  const running = () => server ?? fail("No server runs");
  const steps: readonly (readonly [name: string, work: () => Promise<void>])[] = [
    ["compile", () => prepare()],
    ["version", async () => expectNamed(await larder("version"), packageJson.version)],
    ["start", async () => void (server = await start())],
    ["pull from a local origin", async () => {
      await larder("pull", `${MODEL}@${VERSION}`, source, "--sha256", digest);
    }],
    ["list", async () => expectNamed(await larder("list"), MODEL)],
    ["serve a range over a chunk's edge", () => expectRange(running(), 5_242_000, 5_243_999)],
    ["verify", async () => void await larder("verify", MODEL)],
    ["stop on SIGTERM", () => stop(running())],
    ["start again without the origin", async () => {
      await origin.stop(true);
      server = await start();
    }],
    ["serve the last bytes still", () => expectRange(running(), MODEL_BYTES - 1_000, MODEL_BYTES - 1)],
    ["stop again", () => stop(running())],
  ];
  let passed = 0;
  try {
    for (const [name, work] of steps) {
      await work();
      console.log(`ok    ${name}`);
      passed++;
    }
  } catch (error) {
    console.log(`FAIL  ${steps[passed]?.[0]}\n${explain(error)}\n${await lastOfLog()}`);
  } finally {
    server?.process.kill("SIGKILL");
    await origin.stop(true);
  }
  return { passed, failed: steps.length - passed, skipped: 0 };
}

async function lastOfLog(): Promise<string> {
  const log = Bun.file(LOG);
  return await log.exists() ? (await log.text()).trimEnd().split("\n").slice(-LOG_LINES).join("\n") : "";
}

function fail(message: string): never {
  throw new Error(message);
}

const count = await drive();
await rm(folder, { recursive: true, force: true });
console.log(summarize(count));
process.exit(count.failed > 0 ? 1 : 0);
