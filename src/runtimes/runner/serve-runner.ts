import { LarderError } from "../../core/index.ts";
import { JoinedRuns } from "../joining/joined-runs.ts";
import type { TensorResult } from "../types.ts";
import { Busy } from "./busy.ts";
import type { Driver, Engine, OpenDriver } from "./engine.ts";
import type {
  EngineName,
  FromRunner,
  JoinedAnswer,
  JoinedOrder,
  LoadAnswer,
  LoadOrder,
  OpenOrder,
  Order,
  ToRunner,
} from "./messages.ts";
import { buffersOf, buffersOfAll } from "./move.ts";

/** The runner's end of a link. */
export interface RunnerPort {
  post(message: FromRunner, move: readonly ArrayBuffer[]): void;
}

/**
 * Does what is asked of a runner: one model, from opening its runtime to disposing of it.
 *
 * @returns What takes the messages. Calls that come in while one is answered run beside it, where the runtime can.
 */
export function serveRunner(
  drivers: Readonly<Record<EngineName, OpenDriver>>,
  port: RunnerPort,
): (message: ToRunner) => Promise<void> {
  const runner = new Runner(drivers, port);
  return (
    message,
  ) => ("cancel" in message ? runner.cancel(message.cancel) : runner.answer(message.id, message.order));
}

interface Running {
  readonly stop: AbortController;
  readonly over: Promise<void>;
}

class Runner {
  readonly #running = new Map<number, Running>();
  #driver: Driver | undefined;
  #engine: Engine | undefined;
  #joined: JoinedRuns | undefined;

  constructor(
    private readonly drivers: Readonly<Record<EngineName, OpenDriver>>,
    private readonly port: RunnerPort,
  ) {}

  async answer(id: number, order: Order): Promise<void> {
    const stop = new AbortController();
    const over = Promise.withResolvers<void>();
    // Without itself: disposing waits for all that runs.
    if (order.kind !== "dispose") this.#running.set(id, { stop, over: over.promise });
    try {
      const value = await this.#do(id, order, stop.signal);
      this.port.post({ id, value }, movable(order, value));
    } catch (error) {
      this.port.post(failure(id, error), []);
    } finally {
      this.#running.delete(id);
      over.resolve();
    }
  }

  cancel(id: number): Promise<void> {
    this.#running.get(id)?.stop.abort(new LarderError("CANCELLED", "Cannot finish: it was cancelled"));
    return Promise.resolve();
  }

  #do(id: number, order: Order, signal: AbortSignal): unknown {
    switch (order.kind) {
      case "open":
        return this.#open(order);
      case "load":
        return this.#load(order, signal);
      case "try":
        return this.#loaded.try?.();
      case "tensors":
        return this.#loaded.run?.(order) ?? notSupported("run with tensors");
      case "joined":
        return this.#runJoined(id, order);
      case "generate":
        return this.#loaded.generate?.(order, (text) => this.port.post({ id, text }, []), signal) ??
          notSupported("generate text");
      case "embed":
        return this.#loaded.embed?.(order) ?? notSupported("embed text");
      case "dispose":
        return this.#dispose();
    }
  }

  async #open({ engine, native, busy, isAlone }: OpenOrder): Promise<void> {
    this.#driver = await this.drivers[engine]({
      ...{ native, isAlone, busy: new Busy(busy) },
      onMemory: (memoryBytes) => this.port.post({ memoryBytes }, []),
    });
  }

  async #load(order: LoadOrder, signal: AbortSignal): Promise<LoadAnswer> {
    if (this.#driver === undefined) throw new Error("The runner was not opened");
    const engine = await this.#driver.load(order, signal);
    this.#engine = engine;
    const { memoryBytes, parallel = 1 } = engine;
    return { parallel, ...(memoryBytes === undefined ? {} : { memoryBytes }) };
  }

  #runJoined(id: number, { runs }: JoinedOrder): JoinedAnswer {
    const engine = this.#loaded;
    this.#joined ??= new JoinedRuns((run) => engine.run?.(run) ?? notSupported("run with tensors"));
    return this.#joined.answer(runs, () => this.port.post({ id, going: true }, []));
  }

  get #loaded(): Engine {
    if (this.#engine === undefined) throw new Error("The runner has no model");
    return this.#engine;
  }

  async #dispose(): Promise<void> {
    const running = [...this.#running];
    for (const [id] of running) void this.cancel(id);
    await Promise.all(running.map(([, { over }]) => over));
    await this.#engine?.dispose();
    this.#engine = undefined;
    await this.#driver?.close();
    this.#driver = undefined;
  }
}

/** What an answer may take along. */
function movable(order: Order, value: unknown): ArrayBuffer[] {
  if (order.kind === "tensors") return buffersOf((value as TensorResult).outputs);
  if (order.kind !== "joined") return [];
  return buffersOfAll(
    (value as JoinedAnswer).outcomes.map((outcome) => ("result" in outcome ? outcome.result.outputs : {})),
  );
}

function failure(id: number, error: unknown): FromRunner {
  if (error instanceof LarderError) return { id, error: error.toRecord() };
  return { id, bug: error instanceof Error ? error.stack ?? error.message : String(error) };
}

function notSupported(what: string): never {
  throw new LarderError("NOT_SUPPORTED", `Cannot ${what}: models of this runtime do not`);
}
