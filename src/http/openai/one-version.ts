import type { ModelTarget, ServedBy } from "../../library/index.ts";

/** At least one. */
export type Several<T> = readonly [T, ...T[]];

/** What answered, by its full name: whoever asks for it gets this or an error. */
export function exactly({ model, version, variant }: ServedBy): ModelTarget {
  return { model, version, variant };
}

/**
 * Asks for one after the other. All are answered by the version that answered the first, also when an alias moves or a bad version
 * becomes good meanwhile.
 */
export async function askInOrder<I, A extends ServedBy>(
  target: ModelTarget,
  [input, ...others]: Several<I>,
  ask: (target: ModelTarget, input: I) => Promise<A>,
): Promise<Several<A>> {
  const first = await ask(target, input);
  const answers: [A, ...A[]] = [first];
  for (const other of others) answers.push(await ask(exactly(first), other));
  return answers;
}
