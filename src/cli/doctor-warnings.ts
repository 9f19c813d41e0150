import { type Config, type Environment, isLoopback, isOwnHub } from "../config/index.ts";
import type { RegistryReport } from "./cli-types.ts";
import { formatBytes } from "./format.ts";
import type { HomeReport } from "./inspect-home.ts";
import { SOCKET_PATH_BYTES_MAX, socketPathOf } from "./socket-path.ts";

export interface Surroundings {
  readonly config: Config;
  readonly env: Environment;
  /** Permission bits that new files lose. */
  readonly umask: number;
  readonly home: HomeReport;
  readonly registry: RegistryReport;
}

const GIB = 2 ** 30;

/** Variables that change what the executable does before its own code runs, or behind its back. Values are never shown: they may be secret. */
const VARIABLES: Readonly<Record<string, string>> = {
  BUN_OPTIONS: "is set: the runtime takes options from it and may run other code. Unset it for a service.",
  BUN_BE_BUN: "is set: the executable then acts as the bare runtime. Unset it for a service.",
  LD_PRELOAD: "is set: other code is loaded into this process.",
  NODE_OPTIONS: "is set and has no use here.",
  NODE_TLS_REJECT_UNAUTHORIZED: "is set: certificates may go unchecked. Unset it.",
  SSLKEYLOGFILE: "is set: the keys of encrypted connections may be written to a file.",
  HTTP_PROXY: "is set and has no effect: upstreams are asked directly.",
  HTTPS_PROXY: "is set and has no effect: upstreams are asked directly.",
  ALL_PROXY: "is set and has no effect: upstreams are asked directly.",
  HUGGING_FACE_HUB_TOKEN: "is set and has no effect: the token for the hub is HF_TOKEN or LARDER_HUB_TOKEN.",
  PORT: "is set and has no effect: the port is --port or LARDER_PORT.",
};

/** What may surprise the user, one sentence each. */
export function findWarnings(around: Surroundings): string[] {
  return [
    ...environmentWarnings(around.env),
    ...hubWarnings(around),
    ...homeWarnings(around),
    ...listenWarnings(around),
  ];
}

function environmentWarnings(env: Environment): string[] {
  return Object.entries(VARIABLES).flatMap(([name, text]) => {
    const given = [name, name.toLowerCase()].find((one) => env[one]);
    return given === undefined ? [] : [`${given} ${text}`];
  });
}

function homeWarnings({ config, home, registry, umask }: Surroundings): string[] {
  const warnings: string[] = [];
  if (home.exists && !home.writable) warnings.push("The home is not writable: nothing new can be kept.");
  if (home.mode !== null && (home.mode & 0o077) !== 0) {
    warnings.push(`The home has mode ${octal(home.mode)}: others may look into it. 700 is meant.`);
  }
  if ((umask & 0o002) === 0) {
    warnings.push(`The umask is ${octal(umask)}: new files may be writable by others.`);
  }
  if (registry.state === "damaged") {
    warnings.push("The registry is damaged: the next start makes it again from the manifests.");
  }
  if (registry.schema !== null && registry.schema > registry.schemaKnown) {
    warnings.push("The registry was made by a newer larder: this one refuses to open it.");
  }
  if (home.disk && home.disk.freeBytes < GIB) {
    warnings.push(`The disk has only ${formatBytes(home.disk.freeBytes)} left.`);
  }
  if (Buffer.byteLength(socketPathOf(config)) > SOCKET_PATH_BYTES_MAX) {
    warnings.push(
      `The path of the socket is longer than ${SOCKET_PATH_BYTES_MAX} bytes: \`larder serve\` needs a shorter home.`,
    );
  }
  return warnings;
}

function hubWarnings({ config, env }: Surroundings): string[] {
  const warnings: string[] = [];
  if (isOwnHub(env["HF_ENDPOINT"] ?? "", config)) {
    warnings.push(
      `HF_ENDPOINT names this larder, so only its clients follow it: the hub is ${config.hubEndpoint}.`,
    );
  }
  const { protocol, hostname } = new URL(config.hubEndpoint);
  if (protocol === "http:" && !isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"))) {
    warnings.push("The hub is asked over plain http: what is sent, a token too, can be read on the way.");
  }
  return warnings;
}

function listenWarnings({ config }: Surroundings): string[] {
  return [
    ...(isEverywhere(config.host)
      ? ["The server listens on all interfaces: everybody in the network can try to reach it."]
      : []),
    ...(isEverywhere(config.hubHost)
      ? ["Clients of the hub are answered on all interfaces: everybody in the network can try to reach them."]
      : []),
  ];
}

function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

export function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(3, "0");
}
