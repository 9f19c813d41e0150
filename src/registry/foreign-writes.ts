export interface ForeignWritesOptions {
  /** Of the reading connection: another number after any commit, whoever made it. @see SQLite, `PRAGMA data_version` */
  readonly dataVersion: () => number;
  /** How many commits of other processes the writing connection has met, looking now. Absent: nobody here writes. */
  readonly askWriter?: () => Promise<number>;
  /** Called when there were some since the last look. */
  readonly onForeign: () => void;
}

/**
 * Notices that another process wrote to the database. The reading connection sees that somebody did, at the price of a look at shared
 * memory; whether it was our own writer only the writing connection can tell, so that one is asked after any change.
 */
export class ForeignWrites {
  readonly #options: ForeignWritesOptions;
  #seen: number;
  #met = 0;
  #count = 0;
  #asking: { readonly version: number; readonly answer: Promise<number> } | undefined;

  constructor(options: ForeignWritesOptions) {
    this.#options = options;
    this.#seen = options.dataVersion();
  }

  /** How often they were noticed so far. */
  look(): number | Promise<number> {
    const version = this.#options.dataVersion();
    if (version === this.#seen) return this.#count;
    const { askWriter } = this.#options;
    if (askWriter === undefined) {
      this.#seen = version;
      return this.#note();
    }
    // An answer that is on its way may be older than the change that was seen now.
    if (this.#asking !== undefined && this.#asking.version !== version) {
      return this.#asking.answer.then(() => this.look());
    }
    this.#asking ??= { version, answer: this.#ask(version, askWriter) };
    return this.#asking.answer;
  }

  async #ask(version: number, askWriter: () => Promise<number>): Promise<number> {
    try {
      const met = await askWriter();
      this.#seen = version;
      if (met !== this.#met) this.#note();
      this.#met = met;
      return this.#count;
    } finally {
      this.#asking = undefined;
    }
  }

  #note(): number {
    this.#options.onForeign();
    return ++this.#count;
  }
}
