import { Semaphore } from "../core/index.ts";
import { checkInputs } from "./check-inputs.ts";
import type { LoadAnswer } from "./runner/messages.ts";
import { buffersOf, compacted } from "./runner/move.ts";
import type { RunnerClient } from "./runner/runner-client.ts";
import { type Leavable, leftByCaller, Turns } from "./turns.ts";
import type {
  EmbedResult,
  EmbedRun,
  GenerateResult,
  GenerateRun,
  LoadedModel,
  ModelMetadata,
  TensorResult,
  TensorRun,
} from "./types.ts";

/** Inferences that a runner is given at once: one that runs, one so that it never waits for the next. */
const RUNS_AHEAD = 2;

export interface LoadedOptions {
  readonly label: string;
  readonly metadata: ModelMetadata;
  readonly runner: RunnerClient;
  readonly answer: LoadAnswer;
  /** What this process grew by, when the runner does not know better. */
  readonly measuredBytes: number;
  readonly loadMs: number;
  readonly hangMs: number;
  /** Calls that may wait for their turn; more are refused. */
  readonly waitingMax: number;
  /** After the memory is given back by the runner. */
  readonly onDisposed: () => void;
}

export function loadedModel(options: LoadedOptions): LoadedModel {
  const { label, metadata, runner, answer, measuredBytes, loadMs, hangMs } = options;
  const turns = new Turns(label, options.waitingMax);
  const running = new Semaphore(RUNS_AHEAD);
  const generating = new Semaphore(answer.parallel);
  const embedding = new Semaphore(1);
  let disposing: Promise<void> | undefined;
  return {
    metadata,
    loadMs,
    lost: runner.lost,
    get memoryBytes() {
      return runner.memoryBytes ?? measuredBytes;
    },
    run: async (run: TensorRun, signal?: AbortSignal) => {
      checkInputs(label, run, metadata);
      return await turns.take(running, signal, () => {
        const inputs = compacted(run.inputs);
        const order = { ...run, inputs };
        return left(runner.call<TensorResult>(order, { hangMs, move: buffersOf(inputs) }), signal);
      });
    },
    generate: (run: GenerateRun, onText?: (text: string) => void, signal?: AbortSignal) =>
      turns.take(generating, signal, () => {
        const call = runner.call<GenerateResult>(run, {
          hangMs,
          ...(onText && { onText }),
          ...(signal && { signal }),
        });
        return { settled: call, answer: call };
      }),
    embed: (run: EmbedRun, signal?: AbortSignal) =>
      turns.take(embedding, signal, () => left(runner.call<EmbedResult>(run, { hangMs }), signal)),
    dispose: () => {
      disposing ??= turns.close().then(() => runner.close(hangMs)).finally(options.onDisposed);
      return disposing;
    },
  };
}

function left<T>(call: Promise<T>, signal: AbortSignal | undefined): Leavable<T> {
  const answer = signal === undefined ? call : Promise.race([call, aborted(signal, call)]);
  return { settled: call, answer };
}

/** Never resolves; rejects when the signal aborts before the call settles. */
function aborted(signal: AbortSignal, call: Promise<unknown>): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(leftByCaller());
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    const forget = () => signal.removeEventListener("abort", leave);
    call.then(forget, forget);
  });
}
