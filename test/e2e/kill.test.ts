// deno-lint-ignore-file no-console -- the seed to repeat a run with, and what it measured, are for whoever runs it
import { expect } from "bun:test";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { PullView } from "../../src/library/index.ts";
import { Api } from "../helpers/api.ts";
import { digestOf } from "../helpers/digest.ts";
import { type Place, place, type Server } from "../helpers/executable.ts";
import { lehmer } from "../helpers/lehmer.ts";
import { type Nginx, type NginxRequest, startNginx } from "../helpers/nginx.ts";
import { pseudoRandomBytes } from "../helpers/pseudo-random.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { testWith } from "../helpers/tools.ts";
import { waitUntil } from "../helpers/wait.ts";
import { blobFaults, opensslDigest } from "./blobs.ts";

const KILLS = Number(process.env["LARDER_TEST_KILLS"] ?? 20);
const BYTES = Number(process.env["LARDER_TEST_KILL_BYTES"] ?? 512 * 2 ** 20);
const SEED = Number(process.env["LARDER_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const CHUNK = 5 * 1024 * 1024;
const CONNECTIONS = 4;
const LIFE_MS_MIN = 30;
const LIFE_MS_MAX = 1300;
/**
 * Of each connection. nginx allows a connection what its whole seconds and one more would give, so a life of 0.7 s gets at most
 * 1.7 s worth: with the first number about a fifth of the file is left when the last kill is through. The second one keeps the
 * reader ahead: sockets hold up to 5 MB that nginx counts as sent and nobody has read, which a kill throws away.
 */
const RATE = Math.min(Math.ceil(BYTES / (KILLS * CONNECTIONS * 2)), 10_000_000);
const PIECE_BYTES = 64 * 2 ** 20;
const SMALL_BYTES = 100_000;
const START_MS_MAX = 2000;
const LIMIT_MS = 60_000 + KILLS * 4000 + BYTES / 20_000;

/** What the client was told is done. */
interface Acknowledged {
  readonly version: string;
  readonly digest: string;
}

testWith(["nginx", "openssl"], `P01 P10: a pull survives ${KILLS} kills at random moments`, async () => {
  console.log(`LARDER_TEST_SEED=${SEED} LARDER_TEST_KILLS=${KILLS} LARDER_TEST_KILL_BYTES=${BYTES}`);
  await using folder = await tempFolder();
  const root = join(folder.path, "www");
  await mkdir(root);
  const digest = await writeBigFile(join(root, "big.bin"));
  await using nginx = await startNginx(join(folder.path, "nginx"), root);
  await using larder = await place(join(folder.path, "larder"));
  const run = new KillRun(larder, nginx, root, digest);
  await run.begin();
  for (let kill = 0; kill < KILLS; kill++) await run.liveAndDie();
  await run.finish();
  run.report(await nginx.requests("/big.bin"));
}, LIMIT_MS);

class KillRun {
  readonly #acknowledged: Acknowledged[] = [];
  readonly #wasted: number[] = [];
  #requestsAtLastKill = 0;
  #startMsMax = 0;
  #next = 0;
  #random = lehmer(SEED);

  constructor(
    private readonly larder: Place,
    private readonly nginx: Nginx,
    private readonly root: string,
    private readonly digest: string,
  ) {}

  /** Nothing is asked for the large file after this: every start goes on with it by itself. */
  async begin(): Promise<void> {
    const server = await this.larder.serve();
    const { json } = await new Api(server.url).post("/api/models/download", {
      model: "acme/big",
      revision: "1",
      sha256: this.digest,
      urls: [this.nginx.address("/big.bin", RATE)],
    });
    expect(json).toMatchObject({ model: "acme/big" });
    await this.#killAfter(server, this.#life());
  }

  async liveAndDie(): Promise<void> {
    const server = this.larder.launch();
    await this.#killAfter(server, this.#life());
  }

  /** The rest comes from another address without a limit; then the pull of the first one has nothing left to do. */
  async finish(): Promise<void> {
    const address = this.nginx.address("/big.bin");
    const { code, json } = await this.larder.run("pull", "acme/big@1", address, "--sha256", this.digest);
    expect([code, json]).toMatchObject([0, { state: "done", bytes_done: BYTES }]);
    const server = await this.larder.serve();
    const api = new Api(server.url);
    const pulls: PullView[] = (await api.get("/api/pulls?limit=1000")).json.pulls;
    const first = pulls.findLast(({ model }) => model === "acme/big");
    // A pull that this start has not taken up yet ends its events as what it was.
    await waitUntil(async () => (await api.follow(first?.id ?? "")).state === "done");
    expect(await api.follow(first?.id ?? "")).toMatchObject({ state: "done", files: [{ bytes_fetched: 0 }] });
    const file = await fetch(`${server.url}/api/files/acme/big/1/big.bin`);
    expect(await opensslDigest(file)).toBe(this.digest);
    expect(await this.larder.run("verify")).toMatchObject({ code: 0, json: { result: { damaged: [] } } });
    await this.#checkAcknowledged(server);
    expect(await server.stop()).toBe(0);
    expect(await blobFaults(this.larder.home)).toEqual([]);
  }

  /** What came twice is one chunk for each connection at most, after each kill and in all. */
  report(requests: readonly NginxRequest[]): void {
    const twice = sentBytes(requests) - BYTES;
    const atLastKill = requests.slice(0, this.#requestsAtLastKill);
    const kib = (bytes: number) => `${Math.round(bytes / 1024)} KiB`;
    console.log(
      `${KILLS} kills, ${requests.length} requests, ${this.#acknowledged.length} small pulls acknowledged; ` +
        `fetched twice ${kib(twice)} in all, ${kib(Math.max(...this.#wasted))} after one kill at most; ` +
        `slowest start ${Math.round(this.#startMsMax)} ms`,
    );
    expect(requests.filter(({ range }) => range !== undefined && range.start > 0).length).toBeGreaterThan(0);
    expect(twice).toBeLessThanOrEqual(KILLS * CONNECTIONS * CHUNK);
    expect(Math.max(...this.#wasted)).toBeLessThanOrEqual(CONNECTIONS * CHUNK);
    // So small a limit says nothing where a life brings no more than it: then this does.
    expect(covered(atLastKill)).toBeGreaterThan(sentBytes(atLastKill) / 2);
    expect(this.#acknowledged.length).toBeGreaterThan(0);
    expect(this.#startMsMax).toBeLessThan(START_MS_MAX);
  }

  async #killAfter(server: Server, lifeMs: number): Promise<void> {
    const seenBefore = await this.nginx.requests("/big.bin");
    const startMs = performance.now();
    let killed = false;
    const dead = Bun.sleep(lifeMs).then(() => {
      killed = true;
      return server.stop("SIGKILL");
    });
    await this.#useWhileAlive(server, startMs).catch((error: unknown) => {
      if (!killed) throw error;
    });
    await dead;
    await this.nginx.quiet();
    const seen = await this.nginx.requests("/big.bin");
    this.#wasted.push(bytesAgain(seenBefore, seen.slice(seenBefore.length)));
    this.#requestsAtLastKill = seen.length;
    expect(covered(seen)).toBeLessThan(BYTES);
    expect(await blobFaults(this.larder.home)).toEqual([]);
  }

  /** A client that pulls one small model after the other and remembers what it was told. */
  async #useWhileAlive(server: Server, startMs: number): Promise<void> {
    await server.listening(START_MS_MAX * 5);
    this.#startMsMax = Math.max(this.#startMsMax, performance.now() - startMs);
    await this.#checkAcknowledged(server);
    const api = new Api(server.url);
    for (;;) {
      const version = String(++this.#next);
      const name = `small-${version}.bin`;
      const bytes = pseudoRandomBytes(SEED + this.#next, SMALL_BYTES);
      await Bun.write(join(this.root, name), bytes);
      const { state } = await api.pull({
        model: "acme/small",
        revision: version,
        aliases: ["newest"],
        urls: [this.nginx.address(`/${name}`)],
      });
      if (state === "done") this.#acknowledged.push({ version, digest: digestOf(bytes) });
    }
  }

  async #checkAcknowledged(server: Server): Promise<void> {
    const last = this.#acknowledged.at(-1);
    if (last === undefined) return;
    const { json } = await new Api(server.url).get("/api/models/acme/small");
    const there = new Set(json.versions.map((one: { version: string }) => one.version));
    expect(this.#acknowledged.filter(({ version }) => !there.has(version))).toEqual([]);
    expect(Number(json.aliases.newest)).toBeGreaterThanOrEqual(Number(last.version));
    const file = await fetch(`${server.url}/api/files/acme/small/${last.version}/small-${last.version}.bin`);
    expect(digestOf(await file.bytes())).toBe(last.digest);
  }

  #life(): number {
    return LIFE_MS_MIN + this.#random() * (LIFE_MS_MAX - LIFE_MS_MIN);
  }
}

async function writeBigFile(path: string): Promise<string> {
  await using file = await open(path, "wx");
  for (let at = 0; at < BYTES; at += PIECE_BYTES) {
    await file.write(pseudoRandomBytes(SEED + at / PIECE_BYTES, Math.min(PIECE_BYTES, BYTES - at)));
  }
  return await opensslDigest(Bun.file(path));
}

/** Where an answer began and ended: what was asked for from the start on, as far as it was sent. */
function spanOf({ range, bytesSent }: NginxRequest): readonly [number, number] {
  const start = range?.start ?? 0;
  return [start, start + bytesSent];
}

function sentBytes(requests: readonly NginxRequest[]): number {
  return requests.reduce((sum, one) => sum + one.bytesSent, 0);
}

/** How many different bytes of the file these answers gave. */
function covered(requests: readonly NginxRequest[]): number {
  const spans = requests.map(spanOf).sort(([a], [b]) => a - b);
  let end = 0;
  let bytes = 0;
  for (const [start, stop] of spans) {
    bytes += Math.max(0, stop - Math.max(start, end));
    end = Math.max(end, stop);
  }
  return bytes;
}

/** How many bytes the later answers gave that had been given before. */
function bytesAgain(before: readonly NginxRequest[], later: readonly NginxRequest[]): number {
  return sentBytes(later) - (covered([...before, ...later]) - covered(before));
}
