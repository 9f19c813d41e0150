import { z } from "zod";
import { LarderError } from "../../core/index.ts";
import type { HubServing, HubSnapshot } from "../../library/index.ts";
import { cursorOf, flagOf, type HubExchange, jsonAnswer, limitOf, nextLink, queryOf } from "./answers.ts";
import { noEntry } from "./resolve.ts";
import { splitRevision } from "./target.ts";
import { expanded, type TreeEntry, type Trees } from "./tree.ts";

/** As many entries as the hub puts on a page. */
const PAGE_MAX = 1000;

export interface ListingDeps {
  readonly serving: HubServing;
  readonly trees: Trees;
}

export interface ListingTarget {
  readonly model: string;
  readonly rest: readonly string[];
}

/** `GET /api/{kind}s/{id}/tree/{revision}[/{path}]` */
export function treeAnswer(deps: ListingDeps, exchange: HubExchange, target: ListingTarget): Response {
  const { revision, path } = splitRevision(deps.serving, target.model, target.rest);
  const snapshot = deps.serving.snapshot(target.model, revision);
  const folder = path.replace(/\/+$/, "");
  const tree = deps.trees.of(snapshot);
  if (folder !== "" && tree.get(folder)?.type !== "directory") throw noEntry(snapshot, folder);
  const query = queryOf(exchange);
  const limit = limitOf(query, PAGE_MAX);
  const below = entriesBelow(tree.values(), folder, flagOf(query, "recursive"));
  const after = cursorOf(query);
  const rest = after === undefined ? below : below.filter((entry) => entry.path > after);
  const page = rest.slice(0, limit);
  const last = rest.length > limit ? page.at(-1) : undefined;
  const link = last === undefined ? {} : nextLink(exchange, last.path);
  return jsonAnswer(exchange, shown(page, snapshot, flagOf(query, "expand")), link);
}

const pathsBody = z.object({
  paths: z.union([z.string().transform((path) => [path]), z.array(z.string())]),
  expand: z.boolean().optional().default(false),
});

/** `POST /api/{kind}s/{id}/paths-info/{revision}`, as a form or as JSON. What is not there is left out. */
export async function pathsInfoAnswer(
  { serving, trees }: ListingDeps,
  exchange: HubExchange,
  { model, rest }: ListingTarget,
  bodyBytesMax: number,
): Promise<Response> {
  const snapshot = serving.snapshot(model, rest.join("/"));
  const { paths, expand } = await readPaths(exchange.request, bodyBytesMax);
  const tree = trees.of(snapshot);
  const entries = [...new Set(paths)].flatMap((path) => tree.get(path) ?? []);
  return jsonAnswer(exchange, shown(entries, snapshot, expand));
}

function entriesBelow(entries: Iterable<TreeEntry>, folder: string, recursive: boolean): TreeEntry[] {
  const start = folder === "" ? 0 : folder.length + 1;
  const isBelow = ({ path }: TreeEntry) => start === 0 || path.startsWith(`${folder}/`);
  return [...entries].filter((entry) => isBelow(entry) && (recursive || !entry.path.includes("/", start)));
}

function shown(entries: readonly TreeEntry[], snapshot: HubSnapshot, expand: boolean): readonly TreeEntry[] {
  return expand ? entries.map((entry) => expanded(entry, snapshot)) : entries;
}

async function readPaths(request: Request, bytesMax: number): Promise<z.output<typeof pathsBody>> {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type === "application/json") return parsePaths(parseJson(await readText(request, bytesMax)));
  if (type === "application/x-www-form-urlencoded") {
    const form = new URLSearchParams(await readText(request, bytesMax));
    return { paths: form.getAll("paths"), expand: /^(?:true|1)$/i.test(form.get("expand") ?? "") };
  }
  throw new LarderError("UNSUPPORTED_MEDIA_TYPE", "Cannot read a body that is neither JSON nor a form");
}

function parsePaths(value: unknown): z.output<typeof pathsBody> {
  const { success, data } = pathsBody.safeParse(value);
  if (success) return data;
  throw new LarderError("BAD_BODY", 'Cannot read the body: it is not {"paths": […], "expand": true}', {
    field: "paths",
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LarderError("BAD_BODY", "Cannot read the body: it is not well-formed JSON", { cause: error });
  }
}

async function readText({ body }: Request, bytesMax: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.byteLength;
    if (bytes > bytesMax) {
      throw new LarderError("TOO_LARGE", `Cannot take a body of more than ${bytesMax} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
