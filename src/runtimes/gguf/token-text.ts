import type { Token } from "node-llama-cpp";

/** What decoders write for bytes that are no character, or not yet a whole one. */
const REPLACEMENT = "\uFFFD";
/** A character has at most four bytes, and a token at least one. */
const PENDING_MAX = 4;
/** Enough for decoders that look back for whether a space is due. */
const BEFORE_MAX = 8;

/** Turns tokens into text as they come: a character that is spread over several waits until it is whole. */
export class TokenText {
  #pending: Token[] = [];
  #before: Token[] = [];

  constructor(private readonly decode: (pending: Token[], before: Token[]) => string) {}

  push(token: Token): string {
    this.#pending.push(token);
    const text = this.decode(this.#pending, this.#before);
    if (text.endsWith(REPLACEMENT) && this.#pending.length < PENDING_MAX) return "";
    return this.#take(text);
  }

  /** What still waits, whole or not. */
  end(): string {
    return this.#pending.length === 0 ? "" : this.#take(this.decode(this.#pending, this.#before));
  }

  #take(text: string): string {
    this.#before = [...this.#before, ...this.#pending].slice(-BEFORE_MAX);
    this.#pending = [];
    return text;
  }
}
