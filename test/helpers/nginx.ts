import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { closedPort } from "./ports.ts";
import { findTool } from "./tools.ts";
import { waitUntil } from "./wait.ts";

/** One line of the access log: written when the answer has ended. */
export interface NginxRequest {
  readonly method: string;
  /** Below the served folder, with the slash. */
  readonly path: string;
  readonly status: number;
  /** As asked for, end excluded; absent without a `Range` of the form `bytes=a-b`. */
  readonly range?: { readonly start: number; readonly end: number };
  /** Of the body, as handed to the kernel. */
  readonly bytesSent: number;
}

/**
 * A real nginx in front of a folder. `await using` ends it.
 *
 * @param folder For its own files: configuration, log, temporary files. Removed by the caller.
 */
export async function startNginx(folder: string, root: string): Promise<Nginx> {
  const program = findTool("nginx");
  if (program === undefined) throw new Error("Cannot find nginx");
  const port = await closedPort();
  await mkdir(folder, { recursive: true });
  await Bun.write(join(folder, "nginx.conf"), configuration(port, root));
  const errors = join(folder, "error.log");
  const child = Bun.spawn([program, "-p", folder, "-c", join(folder, "nginx.conf"), "-e", errors], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const nginx = new Nginx(child, port, join(folder, "access.log"));
  await waitUntil(async () => {
    if (child.exitCode !== null) throw new Error(`Cannot start nginx: ${await Bun.file(errors).text()}`);
    return await nginx.answering().then(() => true, () => false);
  });
  return nginx;
}

export class Nginx implements AsyncDisposable {
  constructor(
    private readonly child: Bun.Subprocess,
    private readonly port: number,
    private readonly accessLog: string,
  ) {}

  /** @param bytesPerSecond Limit of each connection; 0 is none. */
  address(path: string, bytesPerSecond = 0): string {
    return `http://127.0.0.1:${this.port}/at/${bytesPerSecond}${path}`;
  }

  /** All answers that have ended, for one path or for all, in that order. */
  async requests(path?: string): Promise<NginxRequest[]> {
    const text = await Bun.file(this.accessLog).text();
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.map(parseLine).filter((one) => path === undefined || one.path === path);
  }

  /** Waits until no answer is under way: all are in the log then. */
  async quiet(): Promise<void> {
    await waitUntil(async () => await this.answering() === 0);
  }

  /** How many answers are under way. */
  async answering(): Promise<number> {
    const url = `http://127.0.0.1:${this.port}/status`;
    const text = await (await fetch(url, { headers: { connection: "close" } })).text();
    return Number(/Writing: (\d+)/.exec(text)?.[1]) - 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.exited;
  }
}

/** One process, nothing outside its folder. The first part of a path below /at/ is the limit of that answer. */
function configuration(port: number, root: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
    `${name}_temp_path temp;`
  );
  return `
    daemon off;
    master_process off;
    pid nginx.pid;
    events { worker_connections 2048; }
    http {
      ${temporary.join(" ")}
      log_format seen '$request_method $uri $status "$http_range" $body_bytes_sent';
      access_log access.log seen;
      default_type application/octet-stream;
      sendfile on;
      tcp_nopush off;
      server {
        listen 127.0.0.1:${port} backlog=2048;
        location ~ ^/at/(?<rate>[0-9]+)(?<rest>/.*)$ {
          limit_rate $rate;
          alias ${root}$rest;
        }
        location = /status { stub_status; access_log off; keepalive_timeout 0; }
      }
    }
  `;
}

function parseLine(line: string): NginxRequest {
  const [, method = "", path = "", status, range = "", sent] =
    /^(\S+) \/at\/\d+(\S+) (\d+) "([^"]*)" (\d+)$/.exec(line) ?? [];
  const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
  return {
    method,
    path,
    status: Number(status),
    ...(start === undefined ? {} : { range: { start: Number(start), end: Number(last) + 1 } }),
    bytesSent: Number(sent),
  };
}
