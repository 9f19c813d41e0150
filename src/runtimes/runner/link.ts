import type { FromRunner, ToRunner } from "./messages.ts";

/** How a runner ended, for messages and for what is remembered of it. */
export interface RunnerEnd {
  /** After "its": `process was ended by SIGABRT: GGML_ASSERT(n > 0) failed`. */
  readonly what: string;
  /** The signal that ended its process. */
  readonly signal?: string;
}

export interface LinkEvents {
  message(message: FromRunner): void;
  /** It ended by itself. Called once at most, and not after `end` or `abandon`. */
  ended(end: RunnerEnd): void;
}

/** The way to a runner, in a thread or in a process. */
export interface Link {
  /** @param move Buffers that the message may take along instead of copying them; a process copies all the same. */
  post(message: ToRunner, move?: readonly ArrayBuffer[]): void;
  /** Keeps this process alive while something is waited for. */
  hold(isWaiting: boolean): void;
  /** Memory of the runner alone, in bytes; absent in a thread, which shares this process's. */
  ownBytes?(): number;
  /** Ends a runner that has disposed of its model. */
  end(): Promise<void>;
  /** Ends a runner that answers no more, as soon as that does no harm. */
  abandon(): void;
}

/** @param events Called until the link is ended or abandoned. */
export type OpenLink = (events: LinkEvents) => Link;
