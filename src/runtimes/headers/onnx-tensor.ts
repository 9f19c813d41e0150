import { shown, unsupported } from "./fault.ts";
import { findOnnxType, type OnnxType } from "./onnx-types.ts";
import { BYTES, FIXED32, FIXED64, type ProtoReader, VARINT } from "./proto-reader.ts";

/** One `TensorProto`, without its values. */
export interface OnnxTensor {
  readonly name: string;
  readonly type: OnnxType;
  readonly elements: number;
  /** Of its values, wherever they lie; 0 for strings. */
  readonly sizeBytes: number;
  readonly external: ExternalRange | null;
}

/** Where in another file the values of a tensor lie. */
export interface ExternalRange {
  /** As the model writes it: relative to the folder of the model's file. */
  readonly location: string;
  readonly start: number;
}

/** Of names of values, operators and dimensions. */
export const NAME_BYTES_MAX = 4096;
const RANK_MAX = 64;
const ENTRIES_MAX = 64;
const EXTERNAL = 1;

interface Draft {
  readonly at: number;
  name: string;
  typeId: number;
  rank: number;
  elements: bigint;
  rawBytes: number | null;
  /** By number of the field: bytes of numbers of fixed width, strings, or the least that its varints can be. */
  readonly values: Map<number, number>;
  location: number;
  readonly entries: Map<string, string>;
}

/**
 * Reads the field that was just met as a tensor: dimensions and type against the number of bytes it has, values stepped over.
 *
 * @see onnx.proto of ONNX 1.23, `TensorProto`; ONNX Runtime 1.30 refuses what is refused here, but later.
 */
export async function readOnnxTensor(field: ProtoReader): Promise<OnnxTensor> {
  const draft: Draft = {
    ...{ at: field.position, name: "", typeId: 0, rank: 0, elements: 1n, rawBytes: null },
    ...{ values: new Map(), location: 0, entries: new Map() },
  };
  await field.walk((inner) => readField(inner, draft));
  const type = findOnnxType(draft.typeId);
  const say = (what: string) => field.broken(`the tensor ${shown(draft.name)} ${what}`, draft.at);
  if (type === undefined) throw say(`is of type ${draft.typeId}, which there is not`);
  const size = sizeOf(draft.elements, type);
  if (draft.elements > Number.MAX_SAFE_INTEGER || size > Number.MAX_SAFE_INTEGER) {
    throw say(`has ${draft.elements} elements`);
  }
  const sizeBytes = Number(size);
  const external = draft.location === EXTERNAL ? readExternal(draft, type, sizeBytes, say) : null;
  if (external === null) checkValues(draft, type, sizeBytes, say);
  return { name: draft.name, type, elements: Number(draft.elements), sizeBytes, external };
}

function readField(field: ProtoReader, draft: Draft): Promise<void> | void {
  switch (field.number) {
    case 1:
      return field.integers((size) => takeDimension(field, draft, size));
    case 2:
      field.expect(VARINT);
      draft.typeId = field.integer;
      return;
    case 3:
      throw unsupported(field.path, "it has a tensor in segments", field.position);
    case 8:
      return field.text(NAME_BYTES_MAX, "name of a tensor").then((name) => {
        draft.name = name;
      });
    case 9:
      field.expect(BYTES);
      draft.rawBytes = field.length;
      return;
    case 13:
      return readEntry(field, draft);
    case 14:
      field.expect(VARINT);
      if (field.integer !== 0 && field.integer !== EXTERNAL) {
        throw field.broken("a tensor lies nowhere that is known");
      }
      draft.location = field.integer;
      return;
    default:
      if (VALUE_FIELDS.has(field.number)) countValues(field, draft);
  }
}

function takeDimension(field: ProtoReader, draft: Draft, size: number): void {
  if (size < 0 || !Number.isSafeInteger(size)) throw field.broken(`a tensor has a dimension of ${size}`);
  if (++draft.rank > RANK_MAX) throw field.broken(`a tensor has more than ${RANK_MAX} dimensions`);
  draft.elements *= BigInt(size);
}

const FLOATS = 4;
const INT32S = 5;
const STRINGS = 6;
const INT64S = 7;
const DOUBLES = 10;
const UINT64S = 11;
const VALUE_FIELDS: ReadonlySet<number> = new Set([FLOATS, INT32S, STRINGS, INT64S, DOUBLES, UINT64S]);

function countValues(field: ProtoReader, { values }: Draft): void {
  const amount = field.number === STRINGS
    ? 1
    : field.wire === BYTES
    ? field.length
    : field.wire === FIXED32
    ? 4
    : field.wire === FIXED64
    ? 8
    : 1;
  values.set(field.number, (values.get(field.number) ?? 0) + amount);
}

async function readEntry(field: ProtoReader, { entries }: Draft): Promise<void> {
  let key = "";
  let value = "";
  await field.walk(async (inner) => {
    if (inner.number === 1) key = await inner.text(NAME_BYTES_MAX, "key of external data");
    else if (inner.number === 2) value = await inner.text(NAME_BYTES_MAX, "value of external data");
  });
  if (entries.has(key)) throw field.broken(`external data has ${shown(key)} twice`);
  entries.set(key, value);
  if (entries.size > ENTRIES_MAX) throw field.broken(`external data has more than ${ENTRIES_MAX} entries`);
}

function readExternal(
  draft: Draft,
  type: OnnxType,
  sizeBytes: number,
  say: (what: string) => Error,
): ExternalRange {
  const { entries } = draft;
  const location = entries.get("location");
  if (location === undefined || location === "") throw say("lies in another file that it does not name");
  if (type.bits === null) throw say("has strings, which cannot lie in another file");
  if (draft.rawBytes !== null || draft.values.size > 0) throw say("has values here and in another file");
  const start = readDigits(entries.get("offset") ?? "0");
  const length = readDigits(entries.get("length") ?? "0");
  if (start === undefined || length === undefined) {
    throw say(
      `lies at ${shown(entries.get("offset") ?? "")} for ${shown(entries.get("length") ?? "")} bytes`,
    );
  }
  // A length of 0 is taken as none at all, as ONNX Runtime does.
  if (length !== 0 && length !== sizeBytes) {
    throw say(`needs ${sizeBytes} bytes, and has ${length} in another file`);
  }
  return { location, start };
}

function readDigits(text: string): number | undefined {
  const number = Number(text);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(number) ? number : undefined;
}

/** Values may be as raw bytes, or in the one field that is for their type. */
function checkValues(draft: Draft, type: OnnxType, sizeBytes: number, say: (what: string) => Error): void {
  if (draft.rawBytes !== null) {
    if (type.bits === null) throw say("has strings as raw bytes");
    if (draft.rawBytes !== sizeBytes) throw say(`needs ${sizeBytes} bytes, and has ${draft.rawBytes}`);
    return;
  }
  const { field, perElement, isExact } = valueField(type);
  const found = draft.values.get(field) ?? 0;
  const needed = Math.ceil(Number(draft.elements) * perElement);
  if (found < needed || (isExact && found > needed)) {
    throw say(`has ${draft.elements} elements of ${type.name}, and not the values for them`);
  }
}

interface ValueField {
  readonly field: number;
  /** What one element adds in {@link Draft.values}, at least. */
  readonly perElement: number;
  readonly isExact: boolean;
}

function valueField(type: OnnxType): ValueField {
  switch (type.name) {
    case "float":
      return { field: FLOATS, perElement: 4, isExact: true };
    case "complex64":
      return { field: FLOATS, perElement: 8, isExact: true };
    case "double":
      return { field: DOUBLES, perElement: 8, isExact: true };
    case "complex128":
      return { field: DOUBLES, perElement: 16, isExact: true };
    case "string":
      return { field: STRINGS, perElement: 1, isExact: true };
    case "int64":
      return { field: INT64S, perElement: 1, isExact: false };
    case "uint32":
    case "uint64":
      return { field: UINT64S, perElement: 1, isExact: false };
    default:
      // Of what is narrower than a byte, several share one number.
      return { field: INT32S, perElement: Math.min(1, (type.bits ?? 8) / 8), isExact: false };
  }
}

function sizeOf(elements: bigint, { bits }: OnnxType): bigint {
  return (elements * BigInt(bits ?? 0) + 7n) / 8n;
}
