import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { LoopPauses } from "./loop-pauses.ts";

interface Count {
  readonly method: string;
  readonly route: string;
  readonly status: string;
  sinceScrape: number;
}

/** From a tiny model's run to a large one's load, in seconds. */
const TIME_BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60];

/** From one to as many as are joined. */
const COUNT_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** What we count. Labels are route templates, never names that a client gives: their number stays small. */
export class Metrics {
  readonly #registry = new Registry();
  /** Counted here in plain numbers, and handed on at a scrape: a labelled counter costs more than many an answer's routing. */
  readonly #counts = new Map<string, Map<number, Count[]>>();
  #fileBytes = 0;

  constructor() {
    this.#counter("larder_http_requests_total", "Answered requests by route template.", (counter) => {
      for (const count of this.#allCounts()) {
        counter.inc({ method: count.method, route: count.route, status: count.status }, count.sinceScrape);
        count.sinceScrape = 0;
      }
    }, ["method", "route", "status"]);
    this.#counter("larder_http_file_bytes_total", "Bytes of model files in answers.", (counter) => {
      counter.inc(this.#fileBytes);
      this.#fileBytes = 0;
    });
    this.gauge("larder_process_resident_bytes", "Memory of this process.", () => process.memoryUsage.rss());
    this.#loopPauses();
  }

  /** A number that is asked for at every scrape. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      async collect() {
        this.set(await read());
      },
    });
  }

  /** A number that only grows. @returns What adds to it. */
  count(name: string, help: string): (by: number) => void {
    const counter = new Counter({ name, help, registers: [this.#registry] });
    return (by) => counter.inc(by);
  }

  /** Times of one kind of work. @returns What notes one, in seconds. */
  times(name: string, help: string): (seconds: number) => void {
    const histogram = new Histogram({ name, help, buckets: TIME_BUCKETS, registers: [this.#registry] });
    return (seconds) => histogram.observe(seconds);
  }

  /** How many there are of something at a time. @returns What notes one. */
  counts(name: string, help: string): (count: number) => void {
    const histogram = new Histogram({ name, help, buckets: COUNT_BUCKETS, registers: [this.#registry] });
    return (count) => histogram.observe(count);
  }

  countRequest(method: string, route: string, status: number): void {
    const counts = this.#counts.get(route)?.get(status);
    const count = counts?.find((one) => one.method === method);
    if (count !== undefined) count.sinceScrape++;
    else this.#addCount({ method, route, status: String(status), sinceScrape: 1 });
  }

  countFileBytes(bytes: number): void {
    this.#fileBytes += bytes;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The Prometheus text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #counter(name: string, help: string, collect: (counter: Counter) => void, labelNames: string[] = []): void {
    new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        collect(this);
      },
    });
  }

  #loopPauses(): void {
    const pauses = new LoopPauses();
    new Gauge({
      name: "larder_event_loop_pause_seconds",
      help: "How late the event loop ran what was due, since the last scrape.",
      labelNames: ["quantile"],
      registers: [this.#registry],
      collect() {
        for (const [quantile, seconds] of pauses.take()) this.set({ quantile: String(quantile) }, seconds);
      },
    });
  }

  #addCount(count: Count): void {
    const status = Number(count.status);
    const ofRoute = this.#counts.get(count.route) ?? new Map<number, Count[]>();
    this.#counts.set(count.route, ofRoute.set(status, [...ofRoute.get(status) ?? [], count]));
  }

  *#allCounts(): Generator<Count> {
    for (const ofRoute of this.#counts.values()) for (const counts of ofRoute.values()) yield* counts;
  }
}
