import { z } from "zod";
import { LarderError } from "../../core/index.ts";
import { checkOptions, OPTION_NAMES, type RuntimeName } from "../../runtimes/index.ts";
import type { OptionValues } from "../options-types.ts";

const KEEP_ALIVE_S_MAX = 366 * 86_400;
const KEEP_ALIVE = `seconds from 0 to ${KEEP_ALIVE_S_MAX}`;
const WEIGHT = "a number from 0.1 to 10";

/** What larder itself heeds, whatever the runtime. */
const ownSchema = z.strictObject({
  /** Unused for so long, the model leaves the memory; absent means as the cache is set. */
  keep_alive_s: z.number(KEEP_ALIVE).min(0, KEEP_ALIVE).max(KEEP_ALIVE_S_MAX, KEEP_ALIVE).optional(),
  /** Kept on disk, and in memory once it is loaded. */
  pinned: z.boolean("true or false").optional(),
  /** A model of less weight leaves the memory before one of more. */
  budget_weight: z.number(WEIGHT).min(0.1, WEIGHT).max(10, WEIGHT).optional(),
  /** Where it runs; absent means as the server is set. */
  isolation: z.enum(["thread", "process"], "thread or process").optional(),
});

export type OwnOptions = z.output<typeof ownSchema>;

const OWN_NAMES = Object.keys(ownSchema.shape);
/** These are of no concern to a load: a change of them is in force at once. */
const CARE_NAMES: ReadonlySet<string> = new Set(["keep_alive_s", "pinned", "budget_weight"]);

export function allowedNames(runtime: RuntimeName): readonly string[] {
  return [...OPTION_NAMES[runtime], ...OWN_NAMES];
}

export function concernsLoad(name: string): boolean {
  return !CARE_NAMES.has(name);
}

/** @throws {LarderError} BAD_INPUT naming the option and what is allowed; NOT_SUPPORTED. */
export function checkValues(runtime: RuntimeName, values: OptionValues): void {
  const allowed = allowedNames(runtime);
  const unknown = Object.keys(values).find((name) => !allowed.includes(name));
  if (unknown !== undefined) throw unknownOption(unknown, runtime, allowed);
  const own = ownSchema.safeParse(pick(values, OWN_NAMES));
  if (!own.success) {
    const [issue] = own.error.issues;
    throw new LarderError("BAD_INPUT", `Cannot set ${String(issue?.path[0])}: it takes ${issue?.message}`, {
      field: String(issue?.path[0]),
    });
  }
  if (runtime !== "mapped") checkOptions(runtime, pick(values, OPTION_NAMES[runtime]));
}

/** Those with these names. */
export function pick<V>(
  values: Readonly<Record<string, V>>,
  names: readonly string[],
): Readonly<Record<string, V>> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}

function unknownOption(name: string, runtime: RuntimeName, allowed: readonly string[]): LarderError {
  return new LarderError(
    "BAD_INPUT",
    `Cannot set ${name.slice(0, 60)}: no option of a model of the runtime ${runtime} has this name`,
    { field: name.slice(0, 60), hint: `There are: ${allowed.join(", ")}.`, details: { allowed } },
  );
}
