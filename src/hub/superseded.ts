import { folderOf, nameOf } from "./variant-draft.ts";

/** Weights of other frameworks, mostly made from the ones beside them, and what belongs to such files alone. */
const OTHER_FRAMEWORK =
  /(?:\.(?:h5|msgpack|ot|tflite|mlmodel|nemo|pdparams|llamafile)|(?:^|\/)openvino[^/]*\.(?:xml|bin)|\.(?:h5|msgpack)\.index\.json|\.ckpt\.(?:index|meta|data-[\d-]+of-\d+))$/;
const OTHER_FRAMEWORK_FOLDER = /(?:^|\/)(?:openvino|coreml|metal|[^/]*\.(?:mlpackage|mlmodelc))\//;

/** What a training run leaves behind for its own continuation. */
const TRAINING_NAME =
  /^(?:training_args\.bin|(?:optimizer|scheduler|scaler)\.(?:pt|bin)|rng_state(?:_\d+)?\.pth|events\.out\.tfevents.*)$/;
const TRAINING_FOLDER = /(?:^|\/)(?:runs|global_step\d+)\//;

/** For people to look at. */
const PICTURE = /\.(?:png|jpe?g|gif|webp|svg|bmp|pdf|mp4|mov|webm)$/i;

const WEIGHTS = /\.(?:safetensors|gguf|onnx|bin|pth|pt|ckpt)$/;
/** Other forms of what stands outside of them: the publisher's first format, states on the way to the last one. */
const OTHER_FORM_FOLDER = /(?:^|\/)(?:original|checkpoint-\d+)\//;
const CONSOLIDATED = /^consolidated[^/]*\.(?:safetensors|pth|safetensors\.index\.json)$/;
const STANDARD = /^(?:model|pytorch_model)[^/]*\.(?:safetensors|bin)$/;

const PIPELINE = "model_index.json";
const NETWORK = /\.(?:safetensors|bin|ckpt)$/;

/**
 * The paths that no variant needs, because the same weights are there in a form that tools read more often. Whoever wants them asks for
 * them by name.
 */
export function supersededPaths(paths: readonly string[]): Set<string> {
  const isOdd = (path: string) =>
    OTHER_FRAMEWORK.test(path) || OTHER_FRAMEWORK_FOLDER.test(path) || PICTURE.test(path) || isTraining(path);
  const isMain = (path: string) => WEIGHTS.test(path) && !OTHER_FORM_FOLDER.test(path) && !isOdd(path);
  const main = paths.filter(isMain);
  const standardFolders = new Set(main.filter((path) => STANDARD.test(nameOf(path))).map(folderOf));
  const isPipeline = paths.includes(PIPELINE) &&
    main.some((path) => NETWORK.test(path) && path.includes("/"));
  // The networks of a pipeline, joined in one file for tools that want it so.
  const isJoined = (path: string) => isPipeline && NETWORK.test(path) && !path.includes("/");
  return new Set(
    paths.filter((path) =>
      isOdd(path) || isJoined(path) || (main.length > 0 && OTHER_FORM_FOLDER.test(path)) ||
      (CONSOLIDATED.test(nameOf(path)) && standardFolders.has(folderOf(path)))
    ),
  );
}

function isTraining(path: string): boolean {
  return TRAINING_NAME.test(nameOf(path)) || TRAINING_FOLDER.test(path);
}
