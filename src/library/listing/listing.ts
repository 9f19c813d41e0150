import { type Clock, type Events, logger } from "../../core/index.ts";
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
import { Answers } from "./answers.ts";
import type { Description, HeaderFacts } from "./description.ts";
import { Descriptions } from "./descriptions.ts";
import { FactsQueue } from "./facts-queue.ts";
import { KnownModels, type KnownModelsDeps } from "./known-models.ts";
import { Live } from "./live.ts";
import { Outside, type OutsideDeps } from "./outside.ts";
import { Pauses } from "./pauses.ts";
import { type ListingQuery, prepareQuery } from "./query.ts";
import { DescriptionSource, type SourceDeps } from "./source.ts";
import { TimeToLive } from "./time-to-live.ts";

const log = logger("listing");
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
 * The list of all models, from memory: descriptions of the models (see {@link KnownModels}), and finished answers by query (see
 * {@link Answers}). The registry itself has uses about a second after they happened, and an answer shows them a second later at most.
 */
export class ModelListing implements ServedListing {
  readonly #deps: ModelListingDeps;
  readonly #ttl: TimeToLive;
  readonly #descriptions: Descriptions;
  readonly #known: KnownModels;
  readonly #facts: FactsQueue;
  readonly #live: Live;
  readonly #answers: Answers;
  readonly #unsubscribe: () => void;

  constructor(deps: ModelListingDeps) {
    const { registry, events, clock, watched, modelOfPull } = deps;
    this.#deps = deps;
    this.#ttl = new TimeToLive(registry);
    this.#live = new Live(deps);
    this.#descriptions = new Descriptions({
      source: new DescriptionSource(deps),
      onChange: (change) => this.#answers.noteChange(change),
      onManyChanges: () => this.#answers.noteChange(),
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
    this.#answers = new Answers({
      ...{ clock, descriptions: this.#descriptions, live: this.#live },
      settleFacts: () => this.#facts.settle(FACTS_WAIT_MS),
    });
    this.#unsubscribe = events.subscribe((event) => this.#known.noteEvent(event));
  }

  prepare(request: ListRequest): ListingQuery {
    return prepareQuery(request);
  }

  answer(prepared: PreparedList): ListAnswer | Promise<ListAnswer> {
    const query = prepared as ListingQuery;
    if (query.forceRefresh) return this.#known.refresh().then(() => this.#answers.find(query));
    const looked = this.#deps.registry.foreignWrites();
    if (typeof looked === "number") return this.#answerFresh(query, looked);
    return looked.then((foreignWrites) => this.#answerFresh(query, foreignWrites));
  }

  noteHit(): void {
    this.#answers.counts.hits++;
  }

  async list(request: ListRequest): Promise<ModelPage> {
    const { text } = await this.answer(this.prepare(request));
    return JSON.parse(text) as ModelPage;
  }

  async refresh(): Promise<ListingRefreshView> {
    const before = this.#descriptions.count;
    await this.#known.refresh();
    this.#answers.clear();
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
        api_cache_keys: this.#answers.keys(),
        api_cache_entries: this.#answers.count,
        ...this.#answers.counts.view(),
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
    if (looking !== undefined) return looking.then(() => this.#answers.find(query));
    const answer = this.#answers.find(query);
    // A finished answer asks nothing of the descriptions.
    if (answer instanceof Promise) this.#known.counts.hits++;
    return answer;
  }

  #noteFacts(description: Description, facts: HeaderFacts | null): void {
    if (this.#descriptions.find(description.model) === description) {
      this.#answers.noteFacts(description, facts);
    }
    description.facts = facts;
  }

  #cacheKeys(): ListingCacheKey[] {
    if (this.#known.lookedAtS === undefined) return [];
    return this.#facts.isSettled ? ["all", "fast"] : ["fast"];
  }
}
