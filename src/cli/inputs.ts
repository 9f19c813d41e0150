import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { LarderError, systemCode } from "../core/index.ts";
import type { PredictRequest } from "../library/index.ts";
import type { StandardInput, VerbContext } from "./cli-types.ts";
import { printable } from "./table.ts";

const EXAMPLE = "'[[5.1, 3.5, 1.4, 0.2]]'";

/**
 * What a model is to be given, as JSON from the command line or from a file.
 *
 * @param file A path, or `-` for standard input.
 * @throws {LarderError} USAGE
 */
export async function readInputs(
  context: Pick<VerbContext, "cwd" | "stdin">,
  text: string | undefined,
  file: string | undefined,
): Promise<PredictRequest["inputs"]> {
  if (text !== undefined && file !== undefined) {
    throw wrong("Cannot use inputs and --input together", "Give one of them.");
  }
  if (text !== undefined) return parseInputs(text, "the inputs");
  if (file === undefined) {
    throw wrong("Cannot predict without inputs", `Give ${EXAMPLE}, or --input with a file.`);
  }
  return parseInputs(await readText(context, file), file === "-" ? "standard input" : file);
}

/** @throws {LarderError} USAGE */
export function parseInputs(text: string, where: string): PredictRequest["inputs"] {
  const inputs = parseJson(text, where);
  if (typeof inputs === "object" && inputs !== null) return inputs as PredictRequest["inputs"];
  throw wrong(
    `Cannot use ${printable(where)} as inputs`,
    `Give rows such as ${EXAMPLE}, or an object of inputs by name.`,
  );
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(
      `Cannot read ${printable(where)}: it is not JSON`,
      `Give JSON such as ${EXAMPLE}, in quotes.`,
      error,
    );
  }
}

async function readText({ cwd, stdin }: Pick<VerbContext, "cwd" | "stdin">, file: string): Promise<string> {
  if (file === "-") return await readAll(stdin());
  try {
    return await readFile(resolve(cwd, file), "utf8");
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw wrong(`Cannot read ${printable(file)}: ${code}`, "Give a file that you may read.", error);
  }
}

async function readAll(input: StandardInput): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of input) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces).toString();
}

function wrong(message: string, hint: string, cause?: unknown): LarderError {
  return new LarderError("USAGE", message, { field: "input", hint, cause });
}
