import { broken, shown } from "./fault.ts";

/** The bytes at hand end before the piece of JSON that is read. */
export class JsonEndError extends Error {}

const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const NINE = 0x39;
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** True for bytes that JSON allows between its marks. */
export function isSpace(byte: number): boolean {
  return SPACES.has(byte);
}

/**
 * Reads JSON mark by mark, for headers in which a key that is there twice or a number that a double cannot hold must not pass.
 *
 * @see RFC 8259
 * @throws {JsonEndError} When the bytes end too early.
 * @throws {LarderError} MODEL_BROKEN for what is no JSON, or not what was asked for.
 */
export class JsonScan {
  index = 0;

  /** @param base Where in the file the bytes begin. */
  constructor(
    private readonly path: string,
    private readonly bytes: Uint8Array,
    private readonly base: number,
  ) {}

  /** The mark that comes next, spaces left out; it is not stepped over. */
  peek(): string {
    while (isSpace(this.#byte())) this.index++;
    return String.fromCharCode(this.#byte());
  }

  /** Steps over a mark. */
  expect(mark: string): void {
    const found = this.peek();
    if (found !== mark) throw this.broken(`${shown(found)} is where ${shown(mark)} should be`);
    this.index++;
  }

  /** True, and steps over it, when this mark comes next. */
  accept(mark: string): boolean {
    if (this.peek() !== mark) return false;
    this.index++;
    return true;
  }

  text(): string {
    this.expect('"');
    const start = this.index;
    let hasEscape = false;
    for (let byte = this.#byte(); byte !== QUOTE; byte = this.#byte()) {
      if (byte < 0x20) throw this.broken("a control character is in a string");
      if (byte === BACKSLASH) {
        hasEscape = true;
        this.index++;
        this.#byte();
      }
      this.index++;
    }
    const raw = this.bytes.subarray(start, this.index++);
    return this.#decode(raw, start, hasEscape);
  }

  /** A whole number from 0 to 2^53 - 1, written as digits alone. */
  count(): number {
    this.peek();
    const start = this.index;
    while (isDigit(this.#byte())) this.index++;
    const digits = this.index - start;
    const value = Number(DECODER.decode(this.bytes.subarray(start, this.index)));
    const isNumber = digits > 0 && (digits === 1 || this.bytes[start] !== ZERO) &&
      !".eE".includes(this.peek());
    if (!isNumber) throw this.broken("a whole number without a sign should be here", start);
    if (!Number.isSafeInteger(value)) {
      throw this.broken("a number is 2^53 or more", start);
    }
    return value;
  }

  broken(what: string, index?: number, cause?: unknown): Error {
    return broken(this.path, what, this.base + (index ?? this.index), cause);
  }

  #byte(): number {
    const byte = this.bytes[this.index];
    if (byte === undefined) throw new JsonEndError();
    return byte;
  }

  #decode(raw: Uint8Array, start: number, hasEscape: boolean): string {
    try {
      const text = DECODER.decode(raw);
      const value: unknown = hasEscape ? JSON.parse(`"${text}"`) : text;
      if (typeof value === "string" && value.isWellFormed()) return value;
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      throw this.broken("a string is not UTF-8, or has a bad escape", start, error);
    }
    throw this.broken("a string has half of a surrogate pair", start);
  }
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}
