import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join, relative } from "node:path";
import type { Processes } from "./processes.ts";
import { findTool } from "./tools.ts";
import type { BenchContext } from "./types.ts";

const START_MS = 5000;
const POLL_MS = 10;

/** What each port of the one nginx does beside `sendfile on`. */
const SETTINGS = {
  plain: "tcp_nopush off;",
  nopush: "tcp_nopush on;",
  cached: "tcp_nopush off; open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;",
  /** nginx limits each request: a connection, as long as its requests come one after another. */
  limited: "tcp_nopush off; limit_rate 50m;",
} as const;

export type NginxSetting = keyof typeof SETTINGS;

/** One worker, no access log, everything below the root of the run. */
export class Nginx implements AsyncDisposable {
  readonly #ports: Readonly<Record<NginxSetting, number>>;
  readonly #root: string;
  readonly #child: Bun.Subprocess;
  readonly #processes: Processes;

  private constructor(
    ports: Readonly<Record<NginxSetting, number>>,
    root: string,
    child: Bun.Subprocess,
    processes: Processes,
  ) {
    this.#ports = ports;
    this.#root = root;
    this.#child = child;
    this.#processes = processes;
  }

  static async start({ processes, folder, root }: BenchContext): Promise<Nginx> {
    const own = join(folder, "nginx");
    await mkdir(own, { recursive: true });
    const ports = freePorts();
    await Bun.write(join(own, "nginx.conf"), configuration({ ports, root, folder: own }));
    const command = [findTool("nginx"), "-p", own, "-e", "error.log", "-c", "nginx.conf"];
    const child = processes.start(command, { log: join(own, "messages.log") });
    const nginx = new Nginx(ports, root, child, processes);
    await nginx.#listens(join(own, "error.log"));
    return nginx;
  }

  /** The address of a file below the root. */
  url(path: string, setting: NginxSetting = "plain"): string {
    return `http://127.0.0.1:${this.#ports[setting]}/${relative(this.#root, path)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#processes.stop(this.#child);
  }

  async #listens(log: string): Promise<void> {
    const deadlineMs = performance.now() + START_MS;
    while (!await accepts(this.#ports.limited)) {
      if (this.#child.exitCode === null && performance.now() < deadlineMs) {
        await Bun.sleep(POLL_MS);
        continue;
      }
      await this.#processes.stop(this.#child);
      throw new Error(`nginx did not start:\n${await Bun.file(log).text().catch(() => "")}`);
    }
  }
}

interface Place {
  readonly ports: Readonly<Record<NginxSetting, number>>;
  readonly root: string;
  readonly folder: string;
}

function configuration({ ports, root, folder }: Place): string {
  const servers = (Object.keys(SETTINGS) as NginxSetting[]).map((setting) =>
    `  server { listen 127.0.0.1:${ports[setting]}; ${SETTINGS[setting]} }`
  );
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((what) =>
    `  ${what}_temp_path ${folder}/${what};`
  );
  return [
    // Started by root it would read files as nobody, who may not enter the work folder.
    ...(process.getuid?.() === 0 ? ["user root;"] : []),
    "daemon off;",
    "worker_processes 1;",
    `pid ${folder}/nginx.pid;`,
    "events { worker_connections 1024; }",
    "http {",
    "  access_log off;",
    "  default_type application/octet-stream;",
    "  keepalive_requests 1000000000;",
    "  sendfile on;",
    `  root ${root};`,
    ...temporary,
    ...servers,
    "}",
    "",
  ].join("\n");
}

/** All are held at once while they are looked for, so that no two are the same. */
function freePorts(): Record<NginxSetting, number> {
  const probes = Object.keys(SETTINGS).map((setting) => ({
    setting,
    server: Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() }),
  }));
  const ports = probes.map(({ setting, server }) => [setting, server.port] as const);
  for (const { server } of probes) void server.stop(true);
  return Object.fromEntries(ports) as Record<NginxSetting, number>;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false)).on(
      "close",
      () => resolve(false),
    );
    socket.on("connect", () => socket.destroy());
  });
}
