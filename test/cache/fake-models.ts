import {
  type CacheEvent,
  type CacheOptions,
  createModelCache,
  type Loaded,
  type LoadProgress,
  type ModelCache,
  type ModelKey,
} from "../../src/cache/index.ts";
import { FakeClock } from "../helpers/fake-clock.ts";

/** What a fake load gives. */
export interface FakeModel {
  /** `name@version` */
  readonly name: string;
  isDisposed: boolean;
}

interface Running {
  readonly key: ModelKey;
  readonly signal: AbortSignal;
  readonly report: (progress: LoadProgress) => void;
  readonly result: PromiseWithResolvers<void>;
}

export function key(name: string, version = "1"): ModelKey {
  return { model: name, version, variant: "default" };
}

/** How the cache writes {@link key}. */
export function id(name: string, version = "1"): string {
  return `${name}@${version}:default`;
}

/** Models that take what a test says, and remember what was done with them. */
export class FakeModels {
  /** By name; 10 where nothing is said. */
  readonly bytes = new Map<string, number>();
  /** What the files say, where that is not what a load takes. */
  readonly estimates = new Map<string, number>();
  readonly loadMs = new Map<string, number>();
  /** Every load that began, by name. */
  readonly begun: string[] = [];
  readonly running = new Map<string, Running>();
  readonly inMemory = new Set<FakeModel>();
  readonly losers = new Map<string, (error: Error) => void>();
  disposals = 0;
  /** True: a load goes on until {@link finish} or {@link fail}. */
  holdsLoads = false;
  /** When set, disposals wait for it. */
  disposing: Promise<void> | undefined;
  mostOfOneKey = 0;
  mostAtOnce = 0;
  #ofKey = new Map<string, number>();

  constructor(readonly clock: FakeClock) {}

  bytesOf(name: string): number {
    return this.bytes.get(name) ?? 10;
  }

  readonly estimateBytes = ({ model }: ModelKey): number => this.estimates.get(model) ?? this.bytesOf(model);

  readonly load = async (
    modelKey: ModelKey,
    signal: AbortSignal,
    report: (progress: LoadProgress) => void,
  ): Promise<Loaded<FakeModel>> => {
    const name = `${modelKey.model}@${modelKey.version}`;
    const running = { key: modelKey, signal, report, result: Promise.withResolvers<void>() };
    this.#count(name, 1);
    this.begun.push(name);
    this.running.set(name, running);
    try {
      if (this.holdsLoads) await running.result.promise;
      const loadMs = this.loadMs.get(modelKey.model);
      if (loadMs !== undefined) await this.clock.advance(loadMs);
    } finally {
      this.#count(name, -1);
      if (this.running.get(name) === running) this.running.delete(name);
    }
    return this.#loaded(name, modelKey.model);
  };

  async finish(name: string): Promise<void> {
    this.running.get(name)?.result.resolve();
    await this.settle();
  }

  async fail(name: string, error: Error): Promise<void> {
    this.running.get(name)?.result.reject(error);
    await this.settle();
  }

  /** All that can happen without time passing has happened. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await this.clock.advance(0);
  }

  /** Of all models that were loaded and not disposed, and of all loads under way. */
  get bytesTaken(): number {
    const loaded = [...this.inMemory].reduce(
      (sum, { name }) => sum + this.bytesOf(name.split("@")[0] ?? ""),
      0,
    );
    return [...this.running.values()].reduce((sum, running) => sum + this.estimateBytes(running.key), loaded);
  }

  #loaded(name: string, plainName: string): Loaded<FakeModel> {
    const model: FakeModel = { name, isDisposed: false };
    const lost = Promise.withResolvers<never>();
    this.inMemory.add(model);
    this.losers.set(name, lost.reject);
    const bytesNow = () => this.bytesOf(plainName);
    return {
      model,
      get bytes() {
        return bytesNow();
      },
      lost: lost.promise,
      dispose: async () => {
        if (model.isDisposed) throw new Error(`${name} was disposed twice`);
        model.isDisposed = true;
        this.disposals++;
        await this.disposing;
        this.inMemory.delete(model);
      },
    };
  }

  #count(name: string, change: 1 | -1): void {
    const now = (this.#ofKey.get(name) ?? 0) + change;
    this.#ofKey.set(name, now);
    this.mostOfOneKey = Math.max(this.mostOfOneKey, now);
    this.mostAtOnce = Math.max(this.mostAtOnce, [...this.#ofKey.values()].reduce((a, b) => a + b, 0));
  }
}

export interface Setup {
  readonly cache: ModelCache<FakeModel>;
  readonly models: FakeModels;
  readonly clock: FakeClock;
  readonly events: CacheEvent[];
  /** Keys of what was evicted so far, in order. */
  evicted(): string[];
  /** Acquires and releases, one after the other. */
  use(...names: string[]): Promise<void>;
}

export function setUp(options: Partial<CacheOptions<FakeModel>> = {}): Setup {
  const clock = new FakeClock();
  const models = new FakeModels(clock);
  const events: CacheEvent[] = [];
  const cache = createModelCache<FakeModel>({
    load: models.load,
    estimateBytes: models.estimateBytes,
    bytesMax: () => Infinity,
    clock,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return {
    cache,
    models,
    clock,
    events,
    evicted: () => events.flatMap((event) => event.type === "evicted" ? [event.key] : []),
    async use(...names) {
      for (const name of names) (await cache.acquire(key(name))).release();
    },
  };
}

/** The code of what a promise rejects with, or what it resolves to instead. */
export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
}
