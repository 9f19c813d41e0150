import { z } from "zod";
import { LarderError, type ModelRef, parseAddress, parseFilePath, parseModelRef } from "../core/index.ts";
import type { PullFileRequest, PullRequest } from "../library/index.ts";
import { parseSize, usage } from "./format.ts";
import { type HubPullOptions, hubPullRequest } from "./hub-pull-request.ts";

export interface PullOptions extends HubPullOptions {
  readonly as?: string;
  readonly mirror?: readonly string[];
  readonly sha256?: string;
  readonly size?: string;
  readonly file?: string;
  readonly input?: string;
  readonly digestOf?: "file" | "source";
  /** False with `--no-decompress`. */
  readonly decompress: boolean;
}

/** What belongs to one file, so it has no meaning beside `--input`. */
const FILE_OPTIONS = [
  ["mirror", "--mirror"],
  ["sha256", "--sha256"],
  ["size", "--size"],
  ["file", "--file"],
  ["digestOf", "--digest-of"],
] as const;

/** What belongs to a repository of the hub, so it has no meaning beside an address. */
const HUB_OPTIONS = [
  ["revision", "--revision", "Name the version in the reference: model@version."],
  ["files", "--files", "To name the file of an address, use --file."],
  ["fallback", "--fallback", "To have other addresses of the same bytes tried, use --mirror."],
  ["offline", "--offline", "Leave the address out to use only what is here."],
] as const;

/**
 * What the command line asks for, as the API takes it: files from addresses, or without any a repository of the hub.
 *
 * @param readInput Gives the text of `--input`.
 * @throws {LarderError} USAGE, SOURCE_REQUIRED, BAD_* naming the argument.
 */
export async function buildPullRequest(
  [first = "", second]: readonly (string | undefined)[],
  options: PullOptions,
  readInput: (path: string) => Promise<string>,
): Promise<PullRequest> {
  const addresses = addressesOf(first, second, options);
  if (addresses.length === 0 && options.input === undefined) {
    refuseFileOptions(options);
    return hubPullRequest(first, options);
  }
  refuseHubOptions(options);
  const { model, version, variant = options.variant } = referenceOf(first, options);
  const files = options.input === undefined
    ? [fileOf(addresses, options)]
    : filesOf(await readInput(options.input), addresses, options);
  return {
    model,
    ...(version === undefined ? {} : { revision: version }),
    ...(variant === undefined ? {} : { variant }),
    files,
    ...(options.alias === undefined ? {} : { aliases: options.alias }),
  };
}

function refuseFileOptions(options: PullOptions): void {
  const given = FILE_OPTIONS.find(([name]) => options[name] !== undefined)?.[1] ??
    (options.as !== undefined ? "--as" : options.decompress ? undefined : "--no-decompress");
  if (given === undefined) return;
  throw new LarderError("USAGE", `Cannot use ${given} without an address`, {
    field: given.replace(/^--/, ""),
    hint: `Give the address after the reference. For a repository of the hub leave ${given} out.`,
  });
}

function refuseHubOptions(options: PullOptions): void {
  const [, given, hint] = HUB_OPTIONS.find(([name]) => options[name] !== undefined) ?? [];
  if (given === undefined || hint === undefined) return;
  throw new LarderError("USAGE", `Cannot use ${given} for files that come from addresses`, {
    field: given.replace(/^--/, ""),
    hint,
  });
}

function isAddress(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
}

function addressesOf(
  first: string,
  second: string | undefined,
  { mirror = [] }: PullOptions,
): string[] {
  const given = [first, second ?? ""].filter(isAddress);
  if (second !== undefined && !isAddress(second)) throw usage("address", second, "an https:// address");
  if (isAddress(first) && second !== undefined) {
    throw new LarderError("USAGE", "Cannot tell which model is meant: two addresses are given", {
      hint: "Name the model first, or give the further addresses with --mirror.",
    });
  }
  return [...new Set([...given, ...mirror].map((address) => parseAddress(address, "address").href))];
}

function referenceOf(first: string, options: PullOptions): ModelRef {
  if (!isAddress(first)) {
    if (options.as === undefined) return parseModelRef(first);
    throw usage("--as", options.as, "--as only when the first argument is an address");
  }
  return parseModelRef(options.as ?? modelNameOf(lastSegment(parseAddress(first, "address"))));
}

function fileOf(urls: readonly string[], options: PullOptions): PullFileRequest {
  const [main] = urls;
  if (main === undefined) {
    throw new LarderError("SOURCE_REQUIRED", "Cannot pull without an address", {
      field: "address",
      hint: "Give it after the reference, or several files with --input. `larder pull --help` shows both.",
    });
  }
  const segment = lastSegment(new URL(main));
  return {
    path: parseFilePath(options.file ?? (segment === "" ? "model" : segment), "file"),
    urls,
    ...(options.sha256 === undefined ? {} : { sha256: options.sha256 }),
    ...(options.size === undefined ? {} : { size: parseSize(options.size, "--size") }),
    ...(options.digestOf === undefined ? {} : { digest_of: options.digestOf }),
    ...(options.decompress ? {} : { decompress: "none" }),
  };
}

/** Decoded, or as it is where it does not decode. Empty when the path ends in a slash. */
function lastSegment(url: URL): string {
  const segment = url.pathname.slice(url.pathname.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(segment);
  } catch {
    // A lone percent sign: the name is taken as it came.
    return segment;
  }
}

/** A name from the end of an address: what a name may not hold becomes a dash. */
export function modelNameOf(segment: string): string {
  const name = segment.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/\.{2,}/g, ".").slice(0, 96)
    .replace(/^[^A-Za-z0-9_]+|[^A-Za-z0-9_-]+$/g, "");
  if (name !== "") return name;
  throw new LarderError("USAGE", "Cannot make a model's name from this address", {
    field: "as",
    hint: "Give one with --as.",
  });
}

const fileSchema = z.strictObject({
  path: z.string(),
  urls: z.union([z.string().transform((url) => [url]), z.array(z.string()).min(1)]),
  sha256: z.string().optional(),
  size: z.number().int().nonnegative().optional(),
  digest_of: z.enum(["file", "source"]).optional(),
  decompress: z.enum(["auto", "none"]).optional(),
  chunks: z.array(z.string()).optional(),
});
const inputSchema = z.array(fileSchema).min(1);

function filesOf(text: string, addresses: readonly string[], options: PullOptions): PullFileRequest[] {
  const extra = FILE_OPTIONS.find(([name]) => options[name] !== undefined)?.[1] ??
    (addresses.length > 0 ? "an address" : undefined);
  if (extra !== undefined) {
    throw new LarderError("USAGE", `Cannot use ${extra} together with --input`, {
      hint: "Put it into the list of files.",
    });
  }
  const parsed = inputSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data.map(withoutUndefined) as PullFileRequest[];
  const issue = parsed.error.issues[0];
  const field = issue?.path.join(".") ?? "";
  throw new LarderError(
    "BAD_BODY",
    `Cannot use the list of files: ${field === "" ? "" : `${field}: `}${issue?.message}`,
    {
      field: `input.${field}`,
      hint: 'Give an array such as [{"path": "a.bin", "urls": ["https://…"], "sha256": "…", "size": 123}].',
    },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new LarderError("BAD_BODY", `Cannot read the list of files as JSON: ${(error as Error).message}`, {
      field: "input",
      cause: error,
    });
  }
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}
