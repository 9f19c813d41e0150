import type { Cursor } from "./cursor.ts";
import { shown, unsupported } from "./fault.ts";
import {
  GGUF_ARRAY,
  GGUF_BOOL,
  GGUF_INT32,
  GGUF_STRING,
  GGUF_UINT16,
  GGUF_UINT32,
  GGUF_UINT64,
  valueBytes,
} from "./gguf-types.ts";

/** What the metadata of one file says, as far as it matters here. */
export interface GgufValues {
  architecture: string | null;
  /** `general.type`: model, adapter, mmproj, imatrix. */
  kind: string | null;
  alignment: number;
  fileType: number | null;
  splitIndex: number;
  splitCount: number;
  splitTensors: number | null;
  /** By key, as the architecture may come after its own values. */
  readonly contextLengths: Map<string, number>;
  /** Architectures that say that they see a whole text at once. */
  readonly wholeTexts: Set<string>;
  hasChatTemplate: boolean;
}

const DEFAULT_ALIGNMENT = 32;
/** The format's own limit. */
const KEY_BYTES_MAX = 65_535;
const KEY = /^[\x21-\x7e]+$/;
/** Names that JavaScript objects have from birth: who puts keys into an object would change the object. */
const UNSAFE_KEY = /(?:^|\.)__proto__(?:\.|$)/;
/** Longer values are no names of anything. */
const NAME_BYTES_MAX = 256;
/** Of all architectures that a file has values of. */
const CONTEXT_LENGTHS_MAX = 100;
const CAUSAL_KEY_END = ".attention.causal";
/** Key, type, type of elements, count. */
const PAIR_HEAD_BYTES = KEY_BYTES_MAX + 8 + 4 + 4 + 8;
const SMALLEST_STRING_BYTES = 8;

/** @throws {LarderError} MODEL_BROKEN, NOT_SUPPORTED for arrays of arrays. */
export async function readGgufValues(cursor: Cursor, count: number): Promise<GgufValues> {
  const values: GgufValues = {
    architecture: null,
    kind: null,
    alignment: DEFAULT_ALIGNMENT,
    fileType: null,
    splitIndex: 0,
    splitCount: 0,
    splitTensors: null,
    contextLengths: new Map(),
    wholeTexts: new Set(),
    hasChatTemplate: false,
  };
  const keys = new Set<string>();
  for (let i = 0; i < count; i++) {
    if (!cursor.isReady(PAIR_HEAD_BYTES)) await cursor.load(PAIR_HEAD_BYTES);
    const at = cursor.position;
    const key = readKey(cursor);
    if (keys.has(key)) throw cursor.broken(`the key ${shown(key)} is there twice`, at);
    keys.add(key);
    const type = cursor.uint32("type of a value");
    if (type === GGUF_ARRAY) await skipArray(cursor);
    else await readValue(cursor, key, type, values);
  }
  return values;
}

function readKey(cursor: Cursor): string {
  const at = cursor.position;
  const length = cursor.size64("length of a key");
  if (length === 0 || length > KEY_BYTES_MAX) {
    throw cursor.broken(`a key is ${length} bytes long, and 1 to ${KEY_BYTES_MAX} are allowed`, at);
  }
  const key = cursor.text(length, "key");
  if (!KEY.test(key) || UNSAFE_KEY.test(key)) throw cursor.broken(`${shown(key)} is no key`, at);
  return key;
}

async function readValue(cursor: Cursor, key: string, type: number, values: GgufValues): Promise<void> {
  const at = cursor.position;
  if (type === GGUF_STRING) {
    if (!cursor.isReady(NAME_BYTES_MAX + 8)) await cursor.load(NAME_BYTES_MAX + 8);
    const length = cursor.size64(`length of ${key}`);
    const isName = length <= NAME_BYTES_MAX && (key === "general.architecture" || key === "general.type");
    if (isName) takeText(key, cursor.text(length, key), values);
    else cursor.skip(length, `value of ${shown(key)}`);
    if (key === "tokenizer.chat_template") values.hasChatTemplate = true;
    return;
  }
  if (type === GGUF_BOOL && key.endsWith(CAUSAL_KEY_END)) {
    const isCausal = cursor.uint8("value") !== 0;
    if (!isCausal && values.wholeTexts.size < CONTEXT_LENGTHS_MAX) {
      values.wholeTexts.add(key.slice(0, -CAUSAL_KEY_END.length));
    }
    return;
  }
  const bytes = valueBytes(type);
  if (bytes === undefined) {
    throw cursor.broken(`${shown(key)} has a value of type ${type}, which there is not`, at);
  }
  const number = readCount(cursor, type);
  if (number === undefined) cursor.skip(bytes, `value of ${shown(key)}`);
  takeNumber(cursor, key, type, number, values, at);
}

/** Undefined, and nothing read, when the type is none of counts. */
function readCount(cursor: Cursor, type: number): number | undefined {
  if (type === GGUF_UINT16) return cursor.uint16("value");
  if (type === GGUF_UINT32 || type === GGUF_INT32) return cursor.uint32("value");
  if (type === GGUF_UINT64) return Number(cursor.uint64("value"));
  return undefined;
}

function takeText(key: string, text: string, values: GgufValues): void {
  if (key === "general.architecture") values.architecture = text;
  else values.kind = text;
}

function takeNumber(
  cursor: Cursor,
  key: string,
  type: number,
  number: number | undefined,
  values: GgufValues,
  at: number,
): void {
  if (key.endsWith(".context_length") && number !== undefined) {
    if (values.contextLengths.size < CONTEXT_LENGTHS_MAX) values.contextLengths.set(key, number);
    return;
  }
  const expected = KNOWN_NUMBERS.get(key);
  if (expected === undefined) return;
  if (type !== expected.type || number === undefined) {
    throw cursor.broken(`${key} has a value of type ${type}, not ${expected.type}`, at);
  }
  if (key === "general.alignment" && !isPowerOfTwo(number)) {
    throw cursor.broken(`the alignment is ${number}, which is no power of two`, at);
  }
  expected.take(values, number);
}

function isPowerOfTwo(number: number): boolean {
  return number > 0 && Number.isInteger(Math.log2(number));
}

/** Types are those that llama.cpp asks for. */
const KNOWN_NUMBERS: ReadonlyMap<
  string,
  { readonly type: number; readonly take: (values: GgufValues, number: number) => void }
> = new Map([
  ["general.alignment", { type: GGUF_UINT32, take: (values, number) => values.alignment = number }],
  ["general.file_type", { type: GGUF_UINT32, take: (values, number) => values.fileType = number }],
  ["split.no", { type: GGUF_UINT16, take: (values, number) => values.splitIndex = number }],
  ["split.count", { type: GGUF_UINT16, take: (values, number) => values.splitCount = number }],
  ["split.tensors.count", { type: GGUF_INT32, take: (values, number) => values.splitTensors = number }],
]);

async function skipArray(cursor: Cursor): Promise<void> {
  const at = cursor.position;
  const type = cursor.uint32("type of elements");
  const count = cursor.size64("length of an array");
  if (type === GGUF_ARRAY) throw unsupported(cursor.reader.path, "it holds an array of arrays", at);
  const bytes = type === GGUF_STRING ? SMALLEST_STRING_BYTES : valueBytes(type);
  if (bytes === undefined) {
    throw cursor.broken(`an array has elements of type ${type}, which there is not`, at);
  }
  if (count * bytes > cursor.remaining) {
    throw cursor.broken(`an array of ${count} elements does not fit the ${cursor.remaining} bytes left`, at);
  }
  if (type !== GGUF_STRING) return cursor.skip(count * bytes, "array");
  for (let i = 0; i < count; i++) {
    if (!cursor.isReady(SMALLEST_STRING_BYTES)) await cursor.load(SMALLEST_STRING_BYTES);
    cursor.skip(cursor.size64("length of a string"), "string");
  }
}
