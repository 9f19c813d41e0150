import { Semaphore } from "../core/index.ts";
import { checkInputs } from "./check-inputs.ts";
import { Batches, type JoiningOptions } from "./joining/batches.ts";
import { leavable } from "./leavable.ts";
import type { JoinedAnswer, LoadAnswer } from "./runner/messages.ts";
import { buffersOf, buffersOfAll, compacted } from "./runner/move.ts";
import type { RunnerClient } from "./runner/runner-client.ts";
import { Turns } from "./turns.ts";
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
  /** Absent when no requests are joined. */
  readonly joining?: JoiningOptions;
  /** After the memory is given back by the runner. */
  readonly onDisposed: () => void;
}

export function loadedModel(options: LoadedOptions): LoadedModel {
  const { label, metadata, runner, answer, measuredBytes, loadMs, hangMs } = options;
  const turns = new Turns(label, options.waitingMax);
  const running = new Semaphore(RUNS_AHEAD);
  const generating = new Semaphore(answer.parallel);
  const embedding = new Semaphore(1);
  const runOne = (run: TensorRun) => {
    const inputs = compacted(run.inputs);
    return runner.call<TensorResult>({ ...run, inputs }, { hangMs, move: buffersOf(inputs) });
  };
  const runJoined = (each: readonly TensorRun[]) => {
    const runs = each.map((run) => ({ ...run, inputs: compacted(run.inputs) }));
    const move = buffersOfAll(runs.map(({ inputs }) => inputs));
    return runner.call<JoinedAnswer>({ kind: "joined", runs }, { hangMs, move });
  };
  const batches = options.joining &&
    new Batches({ ...options.joining, label, metadata, turns, slots: running, runOne, runJoined });
  let disposing: Promise<void> | undefined;
  return {
    metadata,
    loadMs,
    lost: runner.lost,
    get waiting() {
      return Math.max(0, turns.taken - answer.parallel);
    },
    get memoryBytes() {
      return runner.memoryBytes ?? measuredBytes;
    },
    run: async (run: TensorRun, signal?: AbortSignal) => {
      checkInputs(label, run, metadata);
      if (batches) return await batches.run(run, signal);
      return await turns.take(running, signal, () => leavable(runOne(run), signal));
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
      turns.take(embedding, signal, () => leavable(runner.call<EmbedResult>(run, { hangMs }), signal)),
    dispose: () => {
      disposing ??= turns.close().then(() => runner.close(hangMs)).finally(options.onDisposed);
      return disposing;
    },
  };
}
