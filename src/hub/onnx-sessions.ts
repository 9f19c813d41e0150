import { folderOf, groupBy, joinPath, nameOf } from "./variant-draft.ts";

/** One `.onnx` file with its external data. A session is one base name in one folder, in one or more data types. */
export interface OnnxFile {
  readonly path: string;
  readonly folder: string;
  readonly base: string;
  /** `fp32` when the name says nothing. */
  readonly dtype: string;
  /** With its external data, which a runtime looks for by name beside it. */
  readonly files: readonly string[];
}

const EXTENSION = /\.onnx$/;
/** `X.onnx_data`, `X.onnx_data_1`, `X.onnx.data`, as transformers.js, optimum and onnxruntime-genai write them. */
const EXTERNAL_DATA = /^(.+\.onnx)(?:_data|\.data)(?:[._]\d{1,3})?$/;
/** Old exports of diffusers keep the data of the one model in a folder under this name. */
const FOLDER_DATA = "weights.pb";

/** transformers.js's suffixes and their kin; optimum's levels and targets keep their own names. */
const SUFFIX =
  /^(.+)[._-](qu?int8_(?:avx2|avx512|avx512_vnni|arm64)|o[1-4]|quantized|u?int[48](?:f16)?|q[1-8](?:f16)?|(?:fp|bf|f)(?:8|16|32)|bnb4|nf4)$/i;

const DTYPE_OF_SUFFIX: ReadonlyMap<string, string> = new Map([
  ["quantized", "q8"],
  ["f8", "fp8"],
  ["f16", "fp16"],
  ["f32", "fp32"],
]);

export function isOnnxFile(path: string): boolean {
  return EXTENSION.test(path);
}

export function isOnnxData(path: string): boolean {
  return EXTERNAL_DATA.test(nameOf(path));
}

/** @param paths Sorted. Of two files of one session and data type the first one counts. */
export function readOnnxFiles(paths: readonly string[]): OnnxFile[] {
  const data = externalData(paths);
  const seen = new Set<string>();
  return paths.filter(isOnnxFile).flatMap((path) => {
    const folder = folderOf(path);
    const { base, dtype } = readStem(nameOf(path).replace(EXTENSION, ""));
    const key = JSON.stringify([folder, base, dtype]);
    if (seen.has(key)) return [];
    seen.add(key);
    return [{ path, folder, base, dtype, files: [path, ...data.get(path) ?? [], ...data.get(folder) ?? []] }];
  });
}

/** By the path of the model it belongs to, or by the folder. */
function externalData(paths: readonly string[]): Map<string, string[]> {
  const data = paths.filter((path) => isOnnxData(path) || nameOf(path) === FOLDER_DATA);
  return groupBy(data, (path) => {
    const owner = EXTERNAL_DATA.exec(nameOf(path))?.[1];
    return owner === undefined ? folderOf(path) : joinPath(folderOf(path), owner);
  });
}

function readStem(stem: string): { base: string; dtype: string } {
  const match = SUFFIX.exec(stem);
  if (match === null) return { base: stem, dtype: "fp32" };
  const [, base = "", suffix = ""] = match;
  const lower = suffix.toLowerCase();
  return { base, dtype: DTYPE_OF_SUFFIX.get(lower) ?? (/^o\d$/.test(lower) ? lower.toUpperCase() : lower) };
}
