import { createModelCache, type ModelCache, type ModelKey } from "../../../src/cache/index.ts";
import { type Clock, formatModelRef, parseModelRef } from "../../../src/core/index.ts";
import { type FollowUse, HourOfWeek, type PreloadSupport } from "../../../src/library/index.ts";
import {
  Preloader,
  type PreloadModels,
  type PreloadRequest,
  type StrategyName,
} from "../../../src/preload/index.ts";
import type { TimedRequest } from "./daily-trace.ts";
import type { TracedModel } from "./model-trace.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type PreloadRow = ReturnType<PreloadSupport["listQueue"]>[number];
type HourUse = ReturnType<PreloadSupport["history"]>["hours"][number];

const VARIANT = "default";

/** The real cache and the real preloader over models that take no time, on a clock that follows the requests. */
export class PreloadStand {
  readonly #known = new Map<string, TracedModel>();
  readonly #cache: ModelCache<object>;
  readonly #preloader: Preloader;
  readonly #uses = new Map<string, { count: number; usedAtS: number }>();
  readonly #hours = new Map<string, Mutable<HourUse>>();
  readonly #follows = new Map<string, Mutable<FollowUse>>();
  readonly #hourOfWeek = new HourOfWeek();
  #queue: PreloadRow[] = [];
  #last: { readonly model: string; readonly atS: number } | undefined;
  #nowS = 0;

  constructor(memoryBytes: number, keepAliveS: number) {
    const clock: Clock = {
      nowS: () => this.#nowS,
      monotonicMs: () => this.#nowS * 1000,
      // Nobody waits here; what passes with time is looked at by hand.
      sleep: () => new Promise(() => {}),
    };
    this.#cache = createModelCache<object>({
      ...{ clock, keepAliveS, countMax: Infinity, bytesMax: () => memoryBytes },
      estimateBytes: (key) => this.#bytesOf(key),
      load: (key) =>
        Promise.resolve({ model: {}, bytes: this.#bytesOf(key), dispose: () => Promise.resolve() }),
    });
    const models: PreloadModels = {
      explain: (target) => this.#cache.explain(target && keyOf(target.model)),
      load: async ({ model }, options) => {
        (await this.#cache.acquire(keyOf(model), options)).release();
        return keyOf(model);
      },
      cacheStats: () => this.#cache.stats(),
    };
    const support = this.#support();
    this.#preloader = new Preloader({ models, support, clock: { ...clock, sleep: () => Promise.resolve() } });
  }

  /** @returns Whether the model was loaded. */
  async request({ atS, model }: TimedRequest): Promise<boolean> {
    this.#moveTo(atS);
    this.#known.set(model.name, model);
    const key = keyOf(model.name);
    const loaded = this.#cache.tryAcquire(key);
    (loaded ?? await this.#cache.acquire(key)).release();
    this.#record(model.name);
    return loaded !== undefined;
  }

  /** Everything that was ever asked for is queued and gone through once. */
  async preload(strategy: StrategyName, atS: number): Promise<void> {
    this.#moveTo(atS);
    await this.#preloader.configure({ strategy, delay_ms: 0 });
    await this.#preloader.remove();
    const requests = [...this.#known.keys()].map((model): PreloadRequest => ({ model }));
    if (requests.length > 0) await this.#preloader.add(requests);
    await this.#preloader.process();
  }

  async close(): Promise<void> {
    await this.#preloader.close();
    await this.#cache.close();
  }

  #moveTo(atS: number): void {
    this.#nowS = atS;
    this.#cache.configure({});
  }

  #record(model: string): void {
    const [atS, last] = [this.#nowS, this.#last];
    const use = this.#uses.get(model) ?? { count: 0, usedAtS: 0 };
    this.#uses.set(model, { count: use.count + 1, usedAtS: atS });
    const hour = this.#hourOfWeek.at(atS);
    const ofHour = this.#hours.get(`${model} ${hour}`) ?? { model, variant: VARIANT, hour, count: 0 };
    ofHour.count++;
    this.#hours.set(`${model} ${hour}`, ofHour);
    if (last !== undefined && last.model !== model) this.#recordFollow(last.model, model);
    this.#last = { model, atS };
  }

  #recordFollow(model: string, nextModel: string): void {
    const name = `${model} ${nextModel}`;
    const follow = this.#follows.get(name) ??
      { model, variant: VARIANT, nextModel, nextVariant: VARIANT, count: 0 };
    follow.count++;
    this.#follows.set(name, follow);
  }

  #support(): PreloadSupport {
    return {
      listQueue: () => this.#queue,
      putQueue: async (rows) => void (this.#queue = [...this.#queue, ...rows]),
      removeFromQueue: async (references) => {
        const before = this.#queue.length;
        this.#queue = references === undefined
          ? []
          : this.#queue.filter(({ reference }) => !references.includes(reference));
        return before - this.#queue.length;
      },
      find: ({ model }) => ({
        ...keyOf(model),
        sizeBytes: this.#bytesOf(keyOf(model)),
        ...this.#uses.get(model) ?? { count: 0, usedAtS: 0 },
      }),
      history: () => ({ hours: [...this.#hours.values()], follows: [...this.#follows.values()] }),
      lastUse: () => this.#last && { ...this.#last, variant: VARIANT },
      pressure: () => ({ memory: 0, processor: 0 }),
      recall: () => undefined,
      keep: () => Promise.resolve(),
    };
  }

  #bytesOf(key: ModelKey): number {
    const known = this.#known.get(key.model);
    if (known === undefined) {
      throw new Error(`Cannot load ${formatModelRef(key)}: the trace does not know it`);
    }
    return known.bytes;
  }
}

function keyOf(reference: string): ModelKey {
  return { model: parseModelRef(reference).model, version: "1", variant: VARIANT };
}
