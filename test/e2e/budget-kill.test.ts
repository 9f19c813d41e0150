// deno-lint-ignore-file no-console -- the seed to repeat a run with, and what it came to, are for whoever runs it
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JobView, ModelView } from "../../src/library/index.ts";
import { Api } from "../helpers/api.ts";
import { digestOf } from "../helpers/digest.ts";
import { type Place, place, type Server } from "../helpers/executable.ts";
import { lehmer } from "../helpers/lehmer.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { waitUntil } from "../helpers/wait.ts";
import { blobFaults } from "./blobs.ts";

const KILLS = Number(process.env["LARDER_TEST_BUDGET_KILLS"] ?? 15);
const SEED = Number(process.env["LARDER_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const KIB = 1024;
const BUDGET_BYTES = 6000 * KIB;
/** Together about three times what the budget holds. */
const MODELS = 6;
const VARIANTS = ["q4", "q8"] as const;
const SIZES_KIB = [300, 700, 1100, 1500, 1900, 2300];
const SHARED_KIB = 400;
/** Pulled first, and pinned: it is there after every kill. */
const PINNED = "acme/pinned";
const LIFE_MS_MIN = 50;
const LIFE_MS_MAX = 900;
const START_MS = 20_000;
const LIMIT_MS = 60_000 + KILLS * 6000;

test(
  `P04: a server that is killed ${KILLS} times while variants leave for others loses no bytes`,
  async () => {
    console.log(`LARDER_TEST_SEED=${SEED} LARDER_TEST_BUDGET_KILLS=${KILLS}`);
    await using origin = await startOrigin();
    await using larder = await place();
    const run = new KillRun(larder, origin);
    await run.begin();
    for (let kill = 0; kill < KILLS; kill++) await run.liveAndDie();
    await run.finish();
  },
  LIMIT_MS,
);

class KillRun {
  readonly #random = lehmer(SEED);
  readonly #digests = new Map<string, string>();
  /** What a client was told is done, and nobody that it left since. */
  readonly #acknowledged = new Set<string>();
  /** What the last server said had left. */
  #told = new Set<string>();
  #evictions = 0;
  #pulls = 0;
  #unsaid = 0;

  constructor(private readonly larder: Place, private readonly origin: Origin) {
    for (let index = 0; index < MODELS; index++) {
      for (const variant of VARIANTS) this.#offer(`/m${index}-${variant}`, SIZES_KIB[index] ?? 1);
      this.#offer(`/m${index}-shared`, SHARED_KIB);
    }
    this.#offer("/pinned", SHARED_KIB);
  }

  async begin(): Promise<void> {
    const server = await this.#serve();
    const api = new Api(server.url, this.#adminToken());
    const files = [{ path: "pinned", urls: [this.origin.url("/pinned")] }];
    expect(await api.pull({ model: PINNED, revision: "1", files })).toMatchObject({ state: "done" });
    expect((await api.put(`/api/models/${PINNED}/pin`, { pinned: true })).status).toBe(200);
    await server.stop("SIGKILL");
  }

  async liveAndDie(): Promise<void> {
    const server = await this.#serve();
    await this.#check(server);
    let killed = false;
    const dead = Bun.sleep(LIFE_MS_MIN + this.#random() * (LIFE_MS_MAX - LIFE_MS_MIN)).then(() => {
      killed = true;
      return server.stop("SIGKILL");
    });
    const unlessKilled = (error: unknown) => {
      if (!killed) throw error;
    };
    await Promise.all([
      this.#pullAgainAndAgain(server).catch(unlessKilled),
      this.#pullAgainAndAgain(server).catch(unlessKilled),
      this.#collectAgainAndAgain(server).catch(unlessKilled),
      dead,
    ]);
    this.#noteEvictions(server);
    expect(await blobFaults(this.larder.home)).toEqual([]);
  }

  /** What nobody points to after all that is collected, and nothing else. */
  async finish(): Promise<void> {
    const server = await this.#serve();
    await this.#check(server);
    const api = new Api(server.url, this.#adminToken());
    await waitUntil(async () => (await api.get("/api/pulls?active=true")).json.pulls.length === 0);
    await this.#collect(api);
    const views = await this.#models(api);
    const wanted = new Set(views.flatMap(({ version }) => version.files.map(({ sha256 }) => sha256)));
    expect(this.#blobsOnDisk().toSorted()).toEqual([...wanted].toSorted());
    expect(readdirSync(join(this.larder.home, "incoming"))).toEqual([]);
    this.#checkViews(views);
    const { json: disk } = await api.get("/api/budget/explain");
    expect(disk.excess_bytes).toBe(0);
    expect(disk.used_bytes).toBe(views.reduce((sum, { version }) => sum + version.size_bytes, 0));
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain(`\nlarder_disk_budget_bytes ${BUDGET_BYTES}\n`);
    expect(metrics).toContain(`\nlarder_disk_used_bytes ${disk.used_bytes}\n`);
    expect(metrics).toMatch(/\nlarder_disk_evicted_total \d+\n/);
    expect(metrics).toMatch(/\nlarder_disk_evicted_bytes_total \d+\n/);
    expect(await server.stop()).toBe(0);
    console.log(
      `${KILLS} kills, ${this.#pulls} pulls acknowledged, ${this.#evictions} evictions told, ${this.#unsaid} cut short`,
    );
    expect(this.#pulls).toBeGreaterThan(0);
    expect(this.#evictions).toBeGreaterThan(0);
  }

  #offer(path: string, kib: number): void {
    const bytes = pseudoRandomBytes(SEED % 1000 + this.#digests.size, kib * KIB);
    this.#digests.set(path.slice(1), digestOf(bytes));
    this.origin.file(path, bytes, { etag: `"${path}"` });
  }

  async #serve(): Promise<Server> {
    const server = this.larder.launch(["--disk-bytes-max", String(BUDGET_BYTES), "--gc-grace-s", "0"]);
    await server.listening(START_MS);
    return server;
  }

  async #pullAgainAndAgain(server: Server): Promise<void> {
    const api = new Api(server.url);
    for (;;) {
      const index = Math.floor(this.#random() * MODELS);
      const variant = VARIANTS[this.#random() < 0.5 ? 0 : 1];
      const model = `acme/m${index}`;
      const files = [`m${index}-${variant}`, `m${index}-shared`].map((name) => ({
        path: name,
        urls: [this.origin.url(`/${name}`)],
        sha256: this.#digests.get(name),
      }));
      const { state, error } = await api.pull({ model, revision: "1", variant, files });
      if (state === "failed") expect(error?.code).toBe("NO_SPACE");
      if (state !== "done") continue;
      this.#pulls++;
      this.#acknowledged.add(`${model}@1:${variant}`);
      // An engine that uses the folder of a version whose other variants come and go.
      if (this.#random() < 0.5) await api.get(`/api/models/${model}/path`);
    }
  }

  async #collectAgainAndAgain(server: Server): Promise<void> {
    const api = new Api(server.url, this.#adminToken());
    for (;;) await this.#collect(api);
  }

  async #collect(api: Api): Promise<void> {
    let { json: job } = await api.post("/api/gc", { grace_s: 0 }) as { json: JobView };
    while (job.state === "running") ({ json: job } = await api.get(`/api/jobs/${job.id}`));
    expect(job.error).toBeNull();
  }

  #noteEvictions({ log }: Server): void {
    const names = [...log.matchAll(/(acme\/m\d@1:q\d) left the disk/g)].map(([, name = ""]) => name);
    this.#evictions += names.length;
    this.#told = new Set(names);
  }

  /** After every kill: what is listed is there to the byte, and what was acknowledged is listed unless it made room. */
  async #check(server: Server): Promise<void> {
    const api = new Api(server.url, this.#adminToken());
    const views = await this.#models(api);
    const there = new Set<string>();
    for (const { model, version } of views) {
      for (const { name } of version.variants) there.add(`${model}@${version.version}:${name}`);
      for (const { path, sha256, state } of version.files) {
        expect([path, state, sha256]).toEqual([path, "intact", this.#digests.get(path) ?? ""]);
        expect([path, await this.#isLost(api, model, sha256)]).toEqual([path, false]);
      }
    }
    expect(there).toContain(`${PINNED}@1:default`);
    const pinned = await fetch(`${server.url}/api/files/${PINNED}/1/pinned`);
    expect(digestOf(await pinned.bytes())).toBe(this.#digests.get("pinned") ?? "");
    const gone = [...this.#acknowledged].filter((name) => !there.has(name));
    // Variants leave one at a time: of one that was on its way out nobody was told.
    const unsaid = gone.filter((name) => !this.#told.has(name));
    expect(unsaid.length).toBeLessThanOrEqual(1);
    this.#unsaid += unsaid.length;
    for (const name of gone) this.#acknowledged.delete(name);
    await this.#checkManifests(api);
  }

  /** A manifest may be ahead of its rows or behind them, but what it names is there where the registry says so. */
  async #checkManifests(api: Api): Promise<void> {
    const folder = join(this.larder.home, "manifests");
    for (const path of new Bun.Glob("**/*.json").scanSync(folder)) {
      const text = await Bun.file(join(folder, path)).text().catch(() => undefined);
      if (text === undefined) continue; // gone meanwhile, with its version
      const { model, files } = JSON.parse(text);
      for (const { sha256 } of files) {
        expect([path, await this.#isLost(api, model, sha256)]).toEqual([path, false]);
      }
    }
  }

  /** A view shares its bytes with the blobs: what was left of one would keep them on the disk. */
  #checkViews(views: readonly ModelView[]): void {
    const listed = views.flatMap(({ model, version }) =>
      version.files.map(({ path }) => `${model.replace("/", "+")}/${version.version}/${path}`)
    );
    const folder = join(this.larder.home, "views");
    expect(listed).toEqual(expect.arrayContaining([...new Bun.Glob("**/*").scanSync(folder)]));
  }

  /** Those of which something is here; the list has those that are being pulled, too. */
  async #models(api: Api): Promise<ModelView[]> {
    const { models } = (await api.get("/api/models/library?limit=1000")).json;
    const answers = await Promise.all(
      models.map(({ model }: { model: string }) => api.get(`/api/models/${model}`)),
    );
    return answers.filter(({ status }) => status === 200).map(({ json }) => json);
  }

  /** Whether a version names bytes that are not there. One that leaves just now names them no more by then. */
  async #isLost(api: Api, model: string, digest: string): Promise<boolean> {
    if (existsSync(this.#blobPath(digest))) return false;
    const { status, json } = await api.get(`/api/models/${model}`);
    return status === 200 && json.version.files.some(({ sha256 }: { sha256: string }) => sha256 === digest) &&
      !existsSync(this.#blobPath(digest));
  }

  #blobsOnDisk(): string[] {
    const digests = join(this.larder.home, "blobs", "sha256");
    return readdirSync(digests).flatMap((folder) => readdirSync(join(digests, folder)));
  }

  #blobPath(digest: string): string {
    return join(this.larder.home, "blobs", "sha256", digest.slice(0, 2), digest);
  }

  #adminToken(): string {
    return readFileSync(this.larder.inHome("admin.token"), "utf8").trim();
  }
}
