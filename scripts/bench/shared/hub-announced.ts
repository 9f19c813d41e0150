import type { Processes, Started, StartOptions } from "./processes.ts";

const START_MS = 30_000;

/** A program that runs until it is disposed of. */
export interface Announced<T> extends AsyncDisposable {
  readonly said: T;
}

/**
 * Starts a program that says where it listens: as JSON, in the first line that it prints.
 *
 * @throws {Error} It said nothing in time.
 */
export async function startAnnounced<T>(
  processes: Processes,
  command: readonly string[],
  options: StartOptions,
): Promise<Announced<T>> {
  const child = processes.start(command, options);
  const line = await firstLine(child);
  if (line === undefined) {
    throw new Error(`${command.join(" ")} did not start:\n${await Bun.file(options.log).text()}`);
  }
  return { said: JSON.parse(line) as T, [Symbol.asyncDispose]: () => processes.stop(child) };
}

async function firstLine(child: Started): Promise<string | undefined> {
  const timer = setTimeout(() => child.kill("SIGKILL"), START_MS);
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value } = await reader.read();
    if (value === undefined) break;
    text += value;
  }
  clearTimeout(timer);
  return text.includes("\n") ? text.split("\n", 1)[0] : undefined;
}
