import { type Description, hasSameFiles, isSame } from "./description.ts";
import { Pauses } from "./pauses.ts";
import type { DescriptionSource } from "./source.ts";

/** A model that is listed otherwise than before; absent on one side: it came, or it went. */
export interface Change {
  readonly before: Description | undefined;
  readonly now: Description | undefined;
}

export interface DescriptionsDeps {
  readonly source: Pick<DescriptionSource, "find" | "useOf" | "here" | "elsewhere">;
  readonly onChange: (change: Change) => void;
  /** Called instead after so many changes at once that telling each of them would hold up everybody. */
  readonly onManyChanges: () => void;
  /** Called for each description that does not have what the headers tell, perhaps before it is listed. */
  readonly onFactless: (description: Description) => void;
  /** Counts or times of use are other ones than before. */
  readonly onUse: () => void;
}

/** More at once are told as one. */
const CHANGES_MAX = 1000;

/** Every model as it is listed, by name. Built from the source in one go, then kept up to date model by model. */
export class Descriptions {
  readonly #deps: DescriptionsDeps;
  #list: Description[] = [];
  #byName = new Map<string, Description>();
  /** What was touched while everything is being looked at: the look may have come too early. */
  #touched: Set<string> | undefined;

  constructor(deps: DescriptionsDeps) {
    this.#deps = deps;
  }

  get count(): number {
    return this.#list.length;
  }

  /** As it is now, for walks with pauses. */
  snapshot(): readonly Description[] {
    return this.#list.slice();
  }

  find(model: string): Description | undefined {
    return this.#byName.get(model);
  }

  /**
   * Looks at everything again; the list before stays until the new one is complete. Once at a time.
   *
   * @throws The reason of the signal.
   */
  async rebuild(signal: AbortSignal): Promise<void> {
    this.#touched = new Set();
    try {
      const { list, byName } = await this.#build(signal);
      await this.#tellChanges(list, byName, signal);
      for (const model of this.#touched) this.touch(model);
    } finally {
      this.#touched = undefined;
    }
  }

  /** Looks at one model again. @param wasRepaired Headers that could not be read are read again. */
  touch(model: string, wasRepaired = false): void {
    this.#touched?.add(model);
    const before = this.#byName.get(model);
    const now = this.#deps.source.find(model);
    const known = wasRepaired && before?.facts === null ? undefined : before;
    if (now === undefined) this.#remove(model);
    else this.#put(this.#kept(known, now));
    const listed = this.#byName.get(model);
    if (before !== listed) this.#deps.onChange({ before, now: listed });
  }

  /** A model was used. What the registry says of it is taken as it is: it may have been looked at since. */
  noteUse(model: string): void {
    this.#touched?.add(model);
    const description = this.#byName.get(model);
    if (description !== undefined) Object.assign(description, this.#deps.source.useOf(model));
  }

  async #build(signal: AbortSignal): Promise<{ list: Description[]; byName: Map<string, Description> }> {
    const here: Description[] = [];
    const kept = (description: Description) => this.#kept(this.#byName.get(description.model), description);
    for await (const page of this.#deps.source.here()) {
      signal.throwIfAborted();
      for (const description of page) here.push(kept(description));
    }
    const elsewhere = (await this.#deps.source.elsewhere()).map(kept);
    signal.throwIfAborted();
    const list = elsewhere.length === 0 ? here : [...here, ...elsewhere].sort(byModel);
    const byName = new Map<string, Description>();
    const pauses = new Pauses();
    for (const description of list) {
      byName.set(description.model, description);
      if (pauses.isDue) await pauses.take();
    }
    return { list, byName };
  }

  /** Takes the new list over and tells how it differs. */
  async #tellChanges(
    list: Description[],
    byName: Map<string, Description>,
    signal: AbortSignal,
  ): Promise<void> {
    const changes: Change[] = [];
    const pauses = new Pauses();
    for (const before of this.snapshot()) {
      if (!byName.has(before.model)) changes.push({ before, now: undefined });
      if (pauses.isDue) await pauses.take();
    }
    for (const now of list) {
      const before = this.#byName.get(now.model);
      if (before !== now) changes.push({ before, now });
      if (pauses.isDue) await pauses.take();
    }
    signal.throwIfAborted();
    this.#list = list;
    this.#byName = byName;
    if (changes.length > CHANGES_MAX) this.#deps.onManyChanges();
    else for (const change of changes) this.#deps.onChange(change);
  }

  /** The one before where nothing is different: what hangs on it stays valid. */
  #kept(before: Description | undefined, now: Description): Description {
    if (before !== undefined && hasSameFiles(before, now)) now.facts = before.facts;
    if (before === undefined || !isSame(before, now)) {
      if (now.status === "downloaded" && now.facts === undefined) this.#deps.onFactless(now);
      return now;
    }
    if (before.uses !== now.uses || before.usedAtS !== now.usedAtS) {
      before.uses = now.uses;
      before.usedAtS = now.usedAtS;
      this.#deps.onUse();
    }
    return before;
  }

  #put(description: Description): void {
    this.#byName.set(description.model, description);
    const at = this.#place(description.model);
    const isKnown = this.#list[at]?.model === description.model;
    this.#list.splice(at, isKnown ? 1 : 0, description);
  }

  #remove(model: string): void {
    if (!this.#byName.delete(model)) return;
    this.#list.splice(this.#place(model), 1);
  }

  /** Where a name is or would be. */
  #place(model: string): number {
    let [from, to] = [0, this.#list.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#list[middle]?.model ?? "") < model) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function byModel(a: Description, b: Description): number {
  return a.model < b.model ? -1 : a.model > b.model ? 1 : 0;
}
