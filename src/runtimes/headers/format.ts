import type { ByteReader } from "./byte-reader.ts";
import { unsupported } from "./fault.ts";
import { isGguf } from "./gguf.ts";
import { isOnnx } from "./onnx.ts";
import { isSafetensors } from "./safetensors.ts";

/** What a file is: one of the formats read here, `pickle` (Python's, which can run code), or anything else. */
export type FileFormat = "gguf" | "onnx" | "safetensors" | "pickle" | "other";

/** An ending is a promise: such a file is read as that and nothing else. */
const PROMISED: ReadonlyArray<readonly [RegExp, FileFormat]> = [
  [/\.gguf$/i, "gguf"],
  [/\.onnx$/i, "onnx"],
  [/\.safetensors$/i, "safetensors"],
  [/\.(?:pt|pth|ckpt|pkl|pickle|joblib)$/i, "pickle"],
];
const START_BYTES = 64;
/** Key of the first field of a model, its version: number 1, a varint. */
const ONNX_FIRST_BYTE = 0x08;
/** ONNX Runtime's own form, which cannot be checked here. @see its `ort.fbs`: file identifier at byte 4. */
const ORT_MARK = "ORTM";

/**
 * What a file is, by its ending or, for all other endings, by how it begins.
 *
 * @throws {LarderError} NOT_SUPPORTED for models in ONNX Runtime's own form.
 */
export async function formatOf(reader: ByteReader): Promise<FileFormat> {
  const start = await reader.read(0, Math.min(START_BYTES, reader.sizeBytes));
  const text = Buffer.from(start).toString("latin1");
  if (text.slice(4, 8) === ORT_MARK) throw unsupported(reader.path, "it is in ONNX Runtime's own form", 4);
  const promised = PROMISED.find(([ending]) => ending.test(reader.path));
  if (promised !== undefined) return promised[1];
  if (isGguf(start)) return "gguf";
  if (isSafetensors(start, reader.sizeBytes)) return "safetensors";
  if (isPickle(text)) return "pickle";
  return start[0] === ONNX_FIRST_BYTE && await isOnnx(reader) ? "onnx" : "other";
}

/** A bare pickle that calls something, or the zip archive that PyTorch writes. */
function isPickle(start: string): boolean {
  return /^\x80[\x02-\x05](?:c|\x8c|\x95|\}|\]|\()/.test(start) ||
    /^PK\x03\x04.{26}[^/]+\/data\.pkl/s.test(start);
}
