import { isLarderError } from "../core/index.ts";
import {
  defaultVariant,
  findVariants,
  type HubClient,
  type ModelFacts,
  readFacts,
  type RepoListing,
  type VariantSet,
} from "../hub/index.ts";

const CONFIG = "config.json";
const CONFIG_BYTES_MAX = 2 ** 20;

export type Looked = VariantSet & { readonly facts: ModelFacts };

/**
 * Finds variants in a listing, and with `facts` what the model is. Small files and headers are read only where the hub's own answer
 * leaves something open; what it withholds stays unknown.
 *
 * @throws {LarderError} What reading a file ends with.
 */
export async function lookAt(
  client: Pick<HubClient, "read">,
  listing: RepoListing,
  wantsFacts: boolean,
): Promise<Looked> {
  const set = findVariants(listing.files, await configOf(client, listing));
  const told = listing.facts;
  if (!wantsFacts || Object.values(told).every((fact) => fact !== null)) return { ...set, facts: told };
  const read = await readFacts(client, listing, defaultVariant(set.variants));
  const facts = {
    architecture: told.architecture ?? read.architecture,
    parameters: told.parameters ?? read.parameters,
    contextLength: told.contextLength ?? read.contextLength,
  };
  return { ...set, facts };
}

/** Only weights whose names do not tell how they are stored need it. */
async function configOf(client: Pick<HubClient, "read">, listing: RepoListing): Promise<unknown> {
  const config = listing.files.find(({ path }) => path === CONFIG);
  const isWanted = listing.files.some(({ path }) => path.endsWith(".safetensors"));
  if (config === undefined || !isWanted || config.sizeBytes > CONFIG_BYTES_MAX) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(await client.read(listing, CONFIG)));
  } catch (error) {
    // Gated files are listed and not given; a file that is no JSON tells nothing.
    if (error instanceof SyntaxError || isLarderError(error, "HUB_GATED")) return undefined;
    throw error;
  }
}
