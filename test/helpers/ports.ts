import { connect, createServer, type Server, type Socket } from "node:net";

/** A port of 127.0.0.1 where nothing listens: connecting is refused. */
export async function closedPort(): Promise<number> {
  await using opened = await openedPort();
  return opened.port;
}

export interface OpenedPort extends AsyncDisposable {
  readonly port: number;
  /** How many connections have come in. */
  readonly accepted: () => number;
}

/** A port of 127.0.0.1 that accepts every connection and never says a word. */
export async function openedPort(): Promise<OpenedPort> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {}); // a peer that resets is no concern of a port that never answers
    sockets.push(socket);
  });
  const port = await listen(server, "127.0.0.1");
  return {
    port,
    accepted: () => sockets.length,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const NEVER_ACCEPTS = `
  const server = require("node:net").createServer().listen(0, "127.0.0.1", () => {
    require("node:fs").writeSync(1, String(server.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;
const QUEUE_MAX = 1000;

/** A port of 127.0.0.1 whose queue of connections is full: the kernel drops every SYN, as a black hole does. */
export async function fullPort(): Promise<AsyncDisposable & { readonly port: number }> {
  const child = Bun.spawn([process.execPath, "-e", NEVER_ACCEPTS], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  const sockets: Socket[] = [];
  let taken = true;
  while (taken && sockets.length < QUEUE_MAX) {
    const socket = connect(port, "127.0.0.1").on("error", () => {}); // the last one waits until all is taken down
    sockets.push(socket);
    taken = await Promise.race([
      new Promise<boolean>((resolve) => socket.once("connect", () => resolve(true))),
      Bun.sleep(300).then(() => false),
    ]);
  }
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Listens on a free port and gives its number. */
export function listen(server: Server, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, () => {
      const address = server.address();
      if (address === null || typeof address === "string") return reject(new Error("no port"));
      resolve(address.port);
    });
  });
}
