import { DEFAULT_VARIANT } from "../core/index.ts";
import { isOnnxData, isOnnxFile, type OnnxFile, readOnnxFiles } from "./onnx-sessions.ts";
import { folderOf, type FormatFind, groupBy, joinPath, nameOf, type VariantDraft } from "./variant-draft.ts";
import { fitName } from "./variant-names.ts";

/** What onnxruntime-genai reads; its folder is a whole model. */
const GENAI_CONFIG = "genai_config.json";

/** The halves of a decoder, and the one file that does the work of both. */
const DECODER = /^(.*)decoder_(model_merged|model|with_past_model)$/;

/** Ways to have one part of a model; each is a list of sessions that are needed together. */
type Part = readonly (readonly string[])[];

/** By session, then by data type. */
type Sessions = ReadonlyMap<string, ReadonlyMap<string, OnnxFile>>;

/**
 * One variant per data type that every session of the repository has, and one per folder made for onnxruntime-genai. Where
 * `decoder_model_merged` is there, the halves may lack; they are taken along where they are. When no data type is complete, all files
 * together are one variant, `onnx`.
 *
 * @param paths Sorted.
 * @see transformers.js 4.3, `utils/dtypes.js` and `get_available_dtypes.js`.
 */
export function onnxVariants(paths: readonly string[]): FormatFind {
  const heads = genaiHeads(paths);
  const folders = genaiFolders(paths, heads);
  const inFolder = new Set([...folders.values()].flat());
  const others = paths.filter((path) => !inFolder.has(path));
  const root = heads.has("") ? others.filter((path) => isWeight(path) && folderOf(path) === "") : [];
  const isRoot = new Set(root);
  const files = readOnnxFiles(others.filter((path) => !isRoot.has(path)));
  const weights = others.filter((path) => isWeight(path) && !isRoot.has(path));
  return {
    drafts: [...folderDrafts(folders), ...rootDrafts(root), ...sessionDrafts(files, weights)],
    taken: new Set([...inFolder, ...root, ...weights, ...files.flatMap((file) => file.files)]),
  };
}

function isWeight(path: string): boolean {
  return isOnnxFile(path) || isOnnxData(path);
}

/** Folders with a model and its configuration. */
function genaiHeads(paths: readonly string[]): Set<string> {
  const models = new Set(paths.filter(isOnnxFile).map(folderOf));
  const configs = paths.filter((path) => nameOf(path) === GENAI_CONFIG).map(folderOf);
  return new Set(configs.filter((folder) => models.has(folder)));
}

/** All that lies below each of them; of nested ones the outer one counts. The root is no folder of its own. */
function genaiFolders(paths: readonly string[], heads: ReadonlySet<string>): Map<string, string[]> {
  const folders = groupBy(heads.size === 0 ? [] : paths, (path) => outermost(path, heads));
  folders.delete("");
  return folders;
}

function outermost(path: string, heads: ReadonlySet<string>): string {
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
    if (heads.has(path.slice(0, slash))) return path.slice(0, slash);
  }
  return "";
}

function folderDrafts(folders: ReadonlyMap<string, readonly string[]>): VariantDraft[] {
  const perName = groupBy(folders.keys(), nameOf);
  return [...folders].map(([folder, files]) => ({
    name: fitName(perName.get(nameOf(folder))?.length === 1 ? nameOf(folder) : folder),
    format: "onnx",
    quantization: null,
    weightFiles: files.filter(isWeight),
    ownFiles: files.filter((path) => !isWeight(path)),
  }));
}

function rootDrafts(weightFiles: readonly string[]): VariantDraft[] {
  return weightFiles.length === 0
    ? []
    : [{ name: DEFAULT_VARIANT, format: "onnx", quantization: null, weightFiles }];
}

function sessionDrafts(files: readonly OnnxFile[], all: readonly string[]): VariantDraft[] {
  if (files.length === 0) return [];
  const sessions = withoutCopies(
    new Map(
      [...groupBy(files, sessionOf)].map((
        [key, same],
      ) => [key, new Map(same.map((one) => [one.dtype, one]))]),
    ),
  );
  const parts = [...groupBy(sessions.keys(), folderOf)].flatMap(([folder, keys]) => partsOf(folder, keys));
  const drafts = [...new Set(files.map((file) => file.dtype))].flatMap((dtype): VariantDraft[] => {
    const hasAll = (way: readonly string[]) => way.every((key) => sessions.get(key)?.has(dtype));
    if (!parts.every((part) => part.some(hasAll))) return [];
    const weightFiles = new Set([...sessions.values()].flatMap((forms) => forms.get(dtype)?.files ?? []));
    return [{ name: fitName(dtype), format: "onnx", quantization: dtype, weightFiles: [...weightFiles] }];
  });
  return drafts.length > 0
    ? drafts
    : [{ name: "onnx", format: "onnx", quantization: null, weightFiles: all }];
}

function sessionOf({ folder, base }: OnnxFile): string {
  return joinPath(folder, base);
}

/** A session that a folder `onnx` has too is there for tools that look beside `config.json` only. */
function withoutCopies(sessions: Sessions): Sessions {
  return new Map(
    [...sessions].filter(([key]) => !sessions.has(joinPath(joinPath(folderOf(key), "onnx"), nameOf(key)))),
  );
}

function partsOf(folder: string, keys: readonly string[]): Part[] {
  const decoderOf = (key: string) => DECODER.exec(nameOf(key))?.[1];
  const rest = keys.filter((key) => decoderOf(key) === undefined);
  const decoders = groupBy(keys.filter((key) => decoderOf(key) !== undefined), decoderOf);
  const ways = [...decoders.values()].map(decoderWays);
  const [only] = ways;
  // Models that only decode were exported as `decoder_model_merged` once and as `model` now; some repositories keep both.
  const isBoth = rest.length === 1 && rest[0] === joinPath(folder, "model") && ways.length === 1;
  return isBoth && only !== undefined ? [[rest, ...only]] : [...ways, ...rest.map((key) => [[key]])];
}

function decoderWays(keys: readonly string[]): Part {
  const merged = keys.filter((key) => key.endsWith("_merged"));
  const halves = keys.filter((key) => !key.endsWith("_merged"));
  return [merged, halves].filter((way) => way.length > 0);
}
