import { type Clock, type Events, logger, SingleFlight } from "../../core/index.ts";
import type { CacheStats } from "../../cache/index.ts";
import type { Registry, UseReport } from "../../registry/index.ts";
import type {
  ListAnswer,
  ListingCacheConfig,
  ListingCacheConfigView,
  ListingCacheInfo,
  ListingCacheKey,
  ListingRefreshView,
  ListRequest,
  ModelPage,
  PreparedList,
  ServedListing,
} from "../listing-types.ts";
import type { Description, HeaderFacts } from "./description.ts";
import { type Change, Descriptions } from "./descriptions.ts";
import { FactsQueue } from "./facts-queue.ts";
import { HitCount } from "./hit-count.ts";
import { KnownModels, type KnownModelsDeps } from "./known-models.ts";
import { Live } from "./live.ts";
import { Outside, type OutsideDeps } from "./outside.ts";
import { Pauses } from "./pauses.ts";
import { isListed, type ListingQuery, prepareQuery } from "./query.ts";
import { Responses, type StoredResponse } from "./responses.ts";
import { selectPage } from "./select-page.ts";
import { DescriptionSource, type SourceDeps } from "./source.ts";
import { TimeToLive } from "./time-to-live.ts";
import { answerOf, pageView } from "./views.ts";

const log = logger("listing");
/** What is loaded, pinned and used may be shown so much later than it changed. */
const LIVE_MS = 1000;
/** A first list waits so long for the headers of many models; what is read later is in the lists after it. */
const FACTS_WAIT_MS = 2000;

export interface ModelListingDeps
  extends OutsideDeps, Pick<SourceDeps, "arrivals">, Pick<KnownModelsDeps, "modelOfPull"> {
  readonly registry: Registry;
  readonly readFacts: (description: Description) => Promise<HeaderFacts | null>;
  readonly cacheStats: () => Pick<CacheStats, "cached_models" | "pins">;
  readonly events: Events;
  readonly clock: Clock;
}

/**
 * The list of all models, from memory: descriptions of the models (see {@link KnownModels}), and finished answers by query. An answer is
 * forgotten when a model that belongs to its list, or did, is described otherwise. What changes all the time (loaded, pinned, use) forgets
 * nothing: it is merged in when an answer is made and again when it is asked for a second later, so it is shown at most
 * {@link LIVE_MS} late. The registry itself has uses about a second after they happened.
 */
export class ModelListing implements ServedListing {
  readonly #deps: ModelListingDeps;
  readonly #ttl: TimeToLive;
  readonly #descriptions: Descriptions;
  readonly #known: KnownModels;
  readonly #facts: FactsQueue;
  readonly #live: Live;
  readonly #responses = new Responses();
  readonly #responseCounts = new HitCount();
  readonly #making = new SingleFlight<string, ListAnswer>();
  readonly #unsubscribe: () => void;
  /** Grow when a description changes, or what the headers tell of one. */
  #changes = 0;
  #factChanges = 0;

  constructor(deps: ModelListingDeps) {
    const { registry, events, clock, watched, modelOfPull } = deps;
    this.#deps = deps;
    this.#ttl = new TimeToLive(registry);
    this.#live = new Live(deps);
    this.#descriptions = new Descriptions({
      source: new DescriptionSource(deps),
      onChange: (change) => this.#noteChange(change),
      onManyChanges: () => this.#noteChange(),
      onFactless: (description) => this.#facts.add(description),
      onUse: () => this.#live.noteUse(),
    });
    this.#known = new KnownModels({
      ...{ registry, clock, watched, modelOfPull, descriptions: this.#descriptions, ttl: this.#ttl },
      outside: new Outside(deps),
    });
    this.#facts = new FactsQueue({
      clock,
      read: deps.readFacts,
      onFacts: (description, facts) => this.#noteFacts(description, facts),
    });
    this.#unsubscribe = events.subscribe((event) => this.#known.noteEvent(event));
  }

  prepare(request: ListRequest): ListingQuery {
    return prepareQuery(request);
  }

  answer(prepared: PreparedList): ListAnswer | Promise<ListAnswer> {
    const query = prepared as ListingQuery;
    if (query.forceRefresh) return this.#known.refresh().then(() => this.#answerNow(query));
    const looked = this.#deps.registry.foreignWrites();
    if (typeof looked === "number") return this.#answerFresh(query, looked);
    return looked.then((foreignWrites) => this.#answerFresh(query, foreignWrites));
  }

  noteHit(): void {
    this.#responseCounts.hits++;
  }

  async list(request: ListRequest): Promise<ModelPage> {
    const { bytes } = await this.answer(this.prepare(request));
    return JSON.parse(new TextDecoder().decode(bytes)) as ModelPage;
  }

  async refresh(): Promise<ListingRefreshView> {
    const before = this.#descriptions.count;
    await this.#known.refresh();
    this.#responses.clear();
    await this.#facts.settle(FACTS_WAIT_MS);
    const { count } = this.#descriptions;
    return {
      message: `Looked at all models again: ${count} are known`,
      cache_info: {
        cache_refreshed: true,
        timestamp: this.#known.lookedAtS ?? this.#deps.clock.nowS(),
        old_model_count: before,
        new_model_count: count,
        cache_keys: this.#cacheKeys(),
      },
      api_cache_cleared: true,
    };
  }

  async cacheInfo(): Promise<ListingCacheInfo> {
    const { registry, manifestsModifiedMs } = this.#deps;
    return {
      service_cache: {
        cache_valid: await this.#known.isValid(),
        cache_timestamp: this.#known.lookedAtS ?? null,
        cache_age_seconds: this.#known.ageS ?? null,
        cache_ttl_seconds: this.#ttl.seconds,
        cached_model_count: this.#descriptions.count,
        cache_keys: this.#cacheKeys(),
        registry_mtime: registry.modifiedAtS() ?? null,
        models_dir_mtime: manifestsModifiedMs() / 1000 || null,
        ...this.#known.counts.view(),
      },
      api_cache: {
        api_cache_keys: this.#responses.keys(),
        api_cache_entries: this.#responses.count,
        ...this.#responseCounts.view(),
      },
    };
  }

  async configureCache({ ttl_seconds }: ListingCacheConfig): Promise<ListingCacheConfigView> {
    const previous = await this.#ttl.set(ttl_seconds);
    return {
      message: `The list of models holds for ${ttl_seconds} s`,
      cache_ttl_seconds: ttl_seconds,
      previous_ttl_seconds: previous,
    };
  }

  /** Models were used, and the registry knows. Never rejects: who counts uses would count them again. */
  async noteUses({ variants }: Pick<UseReport, "variants">): Promise<void> {
    const pauses = new Pauses();
    try {
      for (const model of new Set(variants.map((variant) => variant.model))) {
        this.#descriptions.noteUse(model);
        if (pauses.isDue) await pauses.take();
      }
    } catch (error) {
      log.warn("Cannot show the last uses of models yet: {error}", { error: String(error) });
    }
    this.#live.noteUse();
  }

  /** A hub was asked about a model. */
  noteScan(model: string): void {
    this.#known.touch([model]);
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await Promise.all([this.#known.close(), this.#facts.close()]);
  }

  #answerFresh(query: ListingQuery, foreignWrites: number): ListAnswer | Promise<ListAnswer> {
    const looking = this.#known.ensure(foreignWrites, !query.quick);
    if (looking !== undefined) return looking.then(() => this.#answerNow(query));
    const answer = this.#answerNow(query);
    // A finished answer asks nothing of the descriptions.
    if (answer instanceof Promise) this.#known.counts.hits++;
    return answer;
  }

  #answerNow(query: ListingQuery): ListAnswer | Promise<ListAnswer> {
    const known = this.#responses.find(query.key);
    const answer = known && this.#renewed(known);
    if (answer !== undefined) {
      this.#responseCounts.hits++;
      return answer;
    }
    this.#responseCounts.misses++;
    // What changed since may not be in an answer that is being made: it is another piece of work.
    return this.#making.run(`${this.#revision(query)} ${query.key}`, () => this.#make(query));
  }

  /** With what changes all the time as it is now; undefined when that may have changed the order. */
  #renewed(response: StoredResponse): ListAnswer | undefined {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - response.lookedAtMs < LIVE_MS) return response.answer;
    const live = this.#live.now();
    const { query, page } = response;
    if (live.stamp !== response.stamp) {
      if (query.order === "access_count" || query.order === "last_used_at") return undefined;
      response.answer = answerOf(pageView(page, live, query.quick));
      response.stamp = live.stamp;
    }
    response.lookedAtMs = nowMs;
    return response.answer;
  }

  async #make(query: ListingQuery): Promise<ListAnswer> {
    if (!query.quick) await this.#facts.settle(FACTS_WAIT_MS);
    const revision = this.#revision(query);
    const page = await selectPage(this.#descriptions.snapshot(), query);
    const lookedAtMs = this.#deps.clock.monotonicMs();
    const live = this.#live.now();
    const answer = answerOf(pageView(page, live, query.quick));
    if (revision === this.#revision(query)) {
      this.#responses.put({ query, page, answer, stamp: live.stamp, lookedAtMs });
    }
    return answer;
  }

  #revision({ quick }: ListingQuery): number {
    return quick ? this.#changes : this.#changes + this.#factChanges;
  }

  /** @param change Absent: many. */
  #noteChange(change?: Change): void {
    this.#changes++;
    if (change === undefined) this.#responses.clear();
    else this.#responses.noteChange(change);
  }

  #noteFacts(description: Description, facts: HeaderFacts | null): void {
    if (this.#descriptions.find(description.model) === description) {
      const now = { ...description, facts };
      this.#factChanges++;
      this.#responses.forget((query) =>
        !query.quick && (isListed(query, description) || isListed(query, now))
      );
    }
    description.facts = facts;
  }

  #cacheKeys(): ListingCacheKey[] {
    if (this.#known.lookedAtS === undefined) return [];
    return this.#facts.isSettled ? ["all", "fast"] : ["fast"];
  }
}
