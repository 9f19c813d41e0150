import { z } from "zod";
import { DAY_HOURS_ALLOWED, parseDayHours } from "../core/index.ts";
import { HUB_TOOLS_VARIABLES } from "./hub-tools.ts";
import { parseHubToken } from "./hub-token.ts";
import {
  absolutePath,
  ADDRESS_ALLOWED,
  bytes,
  choice,
  endpoint,
  ENDPOINT_ALLOWED,
  hostName,
  integer,
  list,
  origin,
  ORIGIN_ALLOWED,
  seconds,
  share,
  text,
  yesNo,
} from "./values.ts";

const HOST_LIST = "host names or IP addresses, without port";

const hostValue = text((given) => hostName(given.replace(/^\[(.*)\]$/, "$1")), ADDRESS_ALLOWED);

const GIB = 2 ** 30;
const DAY_S = 86_400;

/**
 * Every setting. Names here are camelCase; `larder.toml` has them in snake_case, flags in kebab-case, the environment as
 * `LARDER_` and upper case. Defaults that depend on the surroundings (`home`, `logFormat`) are the loader's.
 */
export const configSchema = z.strictObject({
  home: z.string({ error: "a folder" }).min(1, "a folder").describe("folder that holds everything"),
  host: hostValue.default("127.0.0.1").describe("address to listen on"),
  port: integer(0, 65535).default(7420).describe("port to listen on; 0 takes a free one"),
  allowOrigins: list(origin, ORIGIN_ALLOWED).default([])
    .describe("origins that may be plain http: or have a private or loopback address, comma-separated"),
  allowHosts: list(hostName, HOST_LIST).default([])
    .describe("further names that clients may use for this server, comma-separated"),
  hubHost: hostValue.default("127.0.0.1").describe("address to listen on for clients of the hub"),
  hubPort: integer(0, 65535).default(7421).describe(
    "port to listen on for clients of the hub; 0 takes a free one",
  ),
  hubEndpoint: text(endpoint, ENDPOINT_ALLOWED).default("https://huggingface.co")
    .describe("address of the hub that models come from"),
  hubMirrors: list(endpoint, ENDPOINT_ALLOWED).default([])
    .describe("addresses that have the same as the hub, tried in order when it fails, comma-separated"),
  hubToken: text(parseHubToken, "visible ASCII characters").optional().describe("token for the hub"),
  modelsMax: integer(1, 10_000).default(3).describe("models in memory at once"),
  modelsBytes: bytes(0).default(0)
    .describe("memory of all models together; 0 is half of what is available, measured again and again"),
  modelsPolicy: choice("lru", "lfu", "fifo", "arc", "ttl", "cost").default("lru")
    .describe("which model leaves the memory first when another one needs room"),
  keepAliveS: seconds(0, 366 * DAY_S).default(0)
    .describe("a model that nobody used for so long leaves the memory; 0 keeps it"),
  isolation: choice("thread", "process").default("thread")
    .describe("where a model runs: a thread of the server, or a process of its own"),
  pullOnUse: yesNo().default(true).describe("pull a model of the hub that is asked for and not here"),
  reloadOnChange: yesNo().default(true).describe("what is loaded follows an alias or latest when it moves"),
  warmOnStart: yesNo().default(true).describe(
    "what was loaded when the server stopped is loaded again when it starts",
  ),
  offline: yesNo().default(false).describe("never ask the hub"),
  watchFolders: list(absolutePath, "absolute paths of folders").default([])
    .describe("folders whose models are taken in as they come, change and go, comma-separated"),
  watchMode: choice("auto", "reflink", "hardlink", "copy").default("auto")
    .describe("how their bytes are taken: auto shares extents where the disk can, else copies"),
  watchSettleS: seconds(0.05, 3600).default(2).describe("how long a file has to be unchanged to be taken"),
  memoryBytes: bytes(0).default(0)
    .describe("memory that models may take, for saying what fits; 0 measures what is available"),
  logFormat: choice("json", "text").describe("form of the log (default: text on a terminal, else json)"),
  logLevel: choice("debug", "info", "warning", "error").default("info").describe("what is logged"),
  pullsAtOnce: integer(1, 64).default(3).describe("pulls that transfer at once"),
  connectionsPerPull: integer(1, 16).default(4).describe("ranges of one file that are fetched at once"),
  rateBytesPerS: bytes(0).default(0).describe("limit of all transfers together; 0 is none"),
  stallS: seconds(0.05, 3600).default(30).describe("a transfer without a byte for so long has failed"),
  crawlBytesPerS: bytes(0).default(1024).describe("a transfer slower than this for crawl-s has failed"),
  crawlS: seconds(0.05, DAY_S).default(60).describe("time over which crawling is measured"),
  connectS: seconds(0.05, 600).default(10).describe("limit for name look-up and connection"),
  headersS: seconds(0.05, 600).default(30).describe("limit for an upstream's first answer"),
  tries: integer(1, 100).default(6).describe("tries per mirror"),
  decompressBytesMax: bytes(1).default(64 * GIB).describe("limit for what a .gz or .zst source unpacks to"),
  gcGraceS: seconds(0, 366 * DAY_S).default(3600).describe("gc leaves younger files alone"),
  diskBytesMax: share().default(0)
    .describe("disk that models may take, in bytes or percent of the file system; 0 sets no budget"),
  diskFreeMin: share().default(0)
    .describe("disk that stays free, in bytes or percent; what leaves for it is chosen by disk-policy"),
  diskPolicy: choice("oldest", "least_used", "largest", "cost").default("oldest")
    .describe("which variant leaves the disk first when another one needs room"),
  incomingMaxAgeS: seconds(0, 3660 * DAY_S).default(7 * DAY_S)
    .describe("a start deletes older partial downloads that no pull will resume"),
  incomingBytesMax: share().default("20%")
    .describe("a start deletes such partial downloads, oldest first, until all take no more than this"),
  scrubBytesPerS: bytes(0).default(10 * 2 ** 20)
    .describe("how fast blobs are read through to find damage; 0 switches that off"),
  scrubHours: text((given) => parseDayHours(given) && given, DAY_HOURS_ALLOWED).default("")
    .describe("local hours in which that is done, such as 1-5 or 22-6 (default: all day)"),
  scrubEveryS: seconds(0, 366 * DAY_S).default(7 * DAY_S)
    .describe("a blob that was read through within so long is passed over"),
  waitS: seconds(0, DAY_S).default(30).describe("how long to wait for a home that another process owns"),
  connectionsMax: integer(1, 1_000_000).default(1024).describe("requests served at once"),
  bodyBytesMax: bytes(1024).default(2 ** 20).describe("limit for the body of a request"),
  inferBodyBytesMax: bytes(1024).default(64 * 2 ** 20).describe(
    "limit for the body of a request for inference",
  ),
  shutdownS: seconds(0, 600).default(4).describe("how long a stop waits for running requests"),
});

export type ConfigValues = z.output<typeof configSchema>;
export type ConfigName = keyof ConfigValues;

export interface ConfigKey {
  /** In code and in parsed flags: `pullsAtOnce`. */
  readonly name: ConfigName;
  /** In `larder.toml`: `pulls_at_once`. */
  readonly key: string;
  /** `--pulls-at-once`. */
  readonly flag: string;
  /** `LARDER_PULLS_AT_ONCE`. */
  readonly env: string;
  /** A variable of the hub's own tools that is read as well. */
  readonly otherEnv?: string;
  /** Its value is never shown, and only the environment may have it. */
  readonly secret: boolean;
  /** As a flag it stands alone. */
  readonly isSwitch: boolean;
  readonly description: string;
}

const SECRETS: ReadonlySet<string> = new Set<ConfigName>(["hubToken"]);
const SWITCHES: ReadonlySet<string> = new Set<ConfigName>(["offline"]);

/** The settings as data: for registering flags and for showing what is in force. */
export const CONFIG_KEYS: readonly ConfigKey[] = Object.entries(configSchema.shape).map(([name, value]) => {
  const otherEnv = HUB_TOOLS_VARIABLES[name]?.variable;
  const key = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return {
    name: name as ConfigName,
    key,
    flag: `--${key.replaceAll("_", "-")}`,
    env: `LARDER_${key.toUpperCase()}`,
    ...(otherEnv === undefined ? {} : { otherEnv }),
    secret: SECRETS.has(name),
    isSwitch: SWITCHES.has(name),
    description: value.description ?? "",
  };
});
