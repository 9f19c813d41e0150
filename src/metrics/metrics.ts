import { Counter, Gauge, Registry } from "prom-client";

/** What we count. Labels are route templates, never names that a client gives: their number stays small. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: "larder_http_requests_total",
    help: "Answered requests by route template.",
    labelNames: ["method", "route", "status"] as const,
    registers: [this.#registry],
  });
  readonly #fileBytes = new Counter({
    name: "larder_http_file_bytes_total",
    help: "Bytes of model files in answers.",
    registers: [this.#registry],
  });
  /** Bound label sets: binding costs more than counting. */
  readonly #bound = new Map<string, Counter.Internal>();

  constructor() {
    this.gauge("larder_process_resident_bytes", "Memory of this process.", () => process.memoryUsage.rss());
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

  countRequest(method: string, route: string, status: number): void {
    const key = `${method} ${route} ${status}`;
    let counter = this.#bound.get(key);
    if (counter === undefined) {
      counter = this.#requests.labels(method, route, String(status));
      this.#bound.set(key, counter);
    }
    counter.inc();
  }

  countFileBytes(bytes: number): void {
    this.#fileBytes.inc(bytes);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The Prometheus text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }
}
