import { LarderError } from "../../core/index.ts";
import type { HubServedFile, HubServing } from "../../library/index.ts";
import { type HubExchange, jsonAnswer } from "./answers.ts";

/** What lies beside a model in its own format (llama.cpp, `gguf_filename_is_model`). */
const SIDECAR = /mmproj|imatrix|mtp-|eagle3-|dflash-|dspark-/;
/** What llama.cpp takes when no quantization is named (`find_best_model`). */
const PREFERRED = ["Q4_K_M", "Q8_0"];

/** `GET /v2/{id}/manifests/{tag}`: the one GGUF file that a tag means, for llama.cpp before the end of 2025, ramalama and node-llama-cpp. */
export function manifestAnswer(
  serving: HubServing,
  exchange: HubExchange,
  { model, tag }: { readonly model: string; readonly tag: string },
): Response {
  const { files, commit } = serving.snapshot(model, "main");
  const ggufs = [...files.values()].filter(({ path }) => /\.gguf$/i.test(path));
  const models = ggufs.filter(({ path }) => !SIDECAR.test(path));
  const found = tag === "latest" ? defaultModel(models) : tagged(models, tag);
  if (found === undefined) {
    throw new LarderError(
      "FILE_NOT_FOUND",
      `Cannot find a GGUF file for ${JSON.stringify(tag)} in ${model}`,
      {
        field: "tag",
        details: { commit },
      },
    );
  }
  const projector = ggufs.find(({ path }) => path.includes("mmproj"));
  return jsonAnswer(exchange, {
    ggufFile: layer(found),
    ...(projector === undefined ? {} : { mmprojFile: layer(projector) }),
  }, { "x-repo-commit": commit });
}

function defaultModel(models: readonly HubServedFile[]): HubServedFile | undefined {
  for (const tag of PREFERRED) {
    const found = tagged(models, tag);
    if (found !== undefined) return found;
  }
  return models[0];
}

/** The tag ends at a dot or a dash: `Q4_K` is not `Q4_K_M`. Of a file in parts it is the first one. */
function tagged(models: readonly HubServedFile[], tag: string): HubServedFile | undefined {
  const wanted = tag.toUpperCase();
  return models.find(({ path }) => {
    const text = path.toUpperCase();
    return text.includes(`${wanted}.`) || text.includes(`${wanted}-`);
  });
}

function layer({ path, sizeBytes, sha256 }: HubServedFile) {
  return { rfilename: path, blobId: `sha256:${sha256}`, size: sizeBytes };
}
