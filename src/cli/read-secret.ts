import { LarderError, onAbort } from "../core/index.ts";
import type { StandardInput, VerbContext } from "./cli-types.ts";

const INPUT_CHARS_MAX = 64 * 1024;
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const BACKSPACE = /[\b\u007f]/;
/** What keys that are no letters send, and what a terminal puts around pasted text. */
const KEY_SEQUENCE = /\u001b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])/g;

/**
 * One secret from standard input: all of it, or on a terminal a line that is not shown.
 *
 * @param question Shown on a terminal only.
 * @throws {LarderError} USAGE: too much, or a terminal that cannot hide; CANCELLED.
 */
export async function readSecret(context: VerbContext, question: string): Promise<string> {
  const input = context.stdin();
  if (input.isTTY !== true) return await readAll(input);
  if (input.setRawMode === undefined) {
    throw new LarderError("USAGE", "Cannot hide what is typed on this terminal", {
      hint: "Give it by a pipe or from a file: larder … < file",
    });
  }
  return await askHidden(context, input, question);
}

async function readAll(input: StandardInput): Promise<string> {
  let text = "";
  for await (const piece of input) {
    text += String(piece);
    if (text.length > INPUT_CHARS_MAX) {
      throw new LarderError("USAGE", "Cannot take so much from standard input", { hint: "Give one line." });
    }
  }
  return text;
}

function askHidden({ output, signal }: VerbContext, input: StandardInput, question: string): Promise<string> {
  output.stderr.write(question);
  return new Promise((resolve, reject) => {
    let forget = () => {};
    const cancel = () => {
      leave();
      reject(new LarderError("CANCELLED", "Cannot go on: interrupted before the answer"));
    };
    const line = new HiddenLine();
    const take = (bytes: unknown) => {
      const end = line.type(String(bytes));
      if (end === undefined) return;
      if (end === "cancel") return cancel();
      leave();
      resolve(line.text);
    };
    const leave = () => {
      forget();
      input.off("data", take);
      input.setRawMode?.(false);
      input.pause();
      output.stderr.write("\n");
    };
    input.setRawMode?.(true);
    input.on("data", take);
    forget = onAbort(signal, cancel);
  });
}

/** What a person types where the terminal neither shows nor edits it. */
export class HiddenLine {
  #text = "";

  get text(): string {
    return this.#text;
  }

  /** @returns How the line ended, if it did. */
  type(keys: string): "done" | "cancel" | undefined {
    for (const key of keys.replace(KEY_SEQUENCE, "")) {
      if (key === "\r" || key === "\n") return "done";
      if (key === CTRL_C || key === CTRL_D) return "cancel";
      if (BACKSPACE.test(key)) this.#text = this.#text.slice(0, -1);
      else if (key >= " ") this.#text += key;
    }
    return undefined;
  }
}
