import { describe, expect, spyOn, test } from "bun:test";
import { statSync } from "node:fs";
import { connect } from "node:net";
import { isLarderError } from "../../src/core/index.ts";
import { startHttp } from "../../src/http/index.ts";
import { readAll } from "./raw-client.ts";
import { CONFIG, running } from "./setup.ts";
import { StandInLibrary } from "./stand-in.ts";

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  const error = await work.then(() => undefined, (thrown: unknown) => thrown);
  return isLarderError(error) ? error.code : undefined;
}

describe("starting", () => {
  test("P26: a port in use is PORT_IN_USE and names the port", async () => {
    await using s = await running();
    const again = startHttp({ library: new StandInLibrary(), config: { ...CONFIG, port: s.port } });
    expect(await codeOf(again)).toBe("PORT_IN_USE");
  });

  test("A02: a network address without a token refuses to start, with one it starts", async () => {
    const library = new StandInLibrary();
    for (const host of ["0.0.0.0", "::", "10.255.255.1"]) {
      expect(await codeOf(startHttp({ library, config: { ...CONFIG, host } }))).toBe("CONFIG");
    }
    library.open = false;
    const server = await startHttp({ library, config: { ...CONFIG, host: "0.0.0.0" } });
    await server.stop();
  });

  test("A02: losing the last token does not open a listener on the network", async () => {
    const library = new StandInLibrary();
    library.open = false;
    const server = await startHttp({ library, config: { ...CONFIG, host: "0.0.0.0" } });
    library.open = true;
    const response = await fetch(`http://127.0.0.1:${server.url.port}/api/pulls`);
    expect(response.status).toBe(401);
    await server.stop();
  });

  test("an address that this machine does not have is CONFIG", async () => {
    const library = new StandInLibrary();
    library.open = false;
    expect(await codeOf(startHttp({ library, config: { ...CONFIG, host: "203.0.113.1" } }))).toBe("CONFIG");
  });

  test("A24: readers may be slow: the idle limit is the runtime's largest, and nothing is left to its defaults", async () => {
    using serve = spyOn(Bun, "serve");
    await using _ = await running({}, { socket: true });
    expect(serve).toHaveBeenCalledTimes(2);
    expect(serve.mock.calls[0]?.[0]).toMatchObject({
      idleTimeout: 255,
      development: false,
      hostname: "127.0.0.1",
      port: 0,
    });
    expect(serve.mock.calls[1]?.[0]).toMatchObject({ idleTimeout: 255, development: false });
  });
});

describe("the owner's socket", () => {
  const ask = (socket: string, path: string) => fetch(`http://any.name${path}`, { unix: socket });

  test("S19: is 0600 whatever the umask, and may do everything", async () => {
    const old = process.umask(0);
    try {
      await using s = await running({}, { socket: true });
      const socket = `${s.folder.path}/larder.sock`;
      expect(statSync(socket).mode & 0o777).toBe(0o600);
      s.library.open = false;
      expect((await ask(socket, "/api/tokens")).status).toBe(200);
      expect((await s.fetch("/api/tokens")).status).toBe(401);
    } finally {
      process.umask(old);
    }
  });

  test("replaces what a killed owner left, and is gone after a stop", async () => {
    await using s = await running();
    const socket = `${s.folder.path}/larder.sock`;
    await Bun.write(socket, "stale");
    const second = await startHttp({ library: s.library, config: CONFIG, unixSocket: socket });
    expect((await ask(socket, "/health/live")).status).toBe(200);
    await second.stop();
    expect(await Bun.file(socket).exists()).toBe(false);
  });

  test("a path that is too long for a socket is CONFIG, and the port is free again", async () => {
    const library = new StandInLibrary();
    const unixSocket = `/tmp/${"x".repeat(120)}/larder.sock`;
    await using probe = await running();
    const port = probe.port;
    await probe.server.stop();
    const config = { ...CONFIG, port };
    expect(await codeOf(startHttp({ library, config, unixSocket }))).toBe("CONFIG");
    await (await startHttp({ library, config })).stop();
  });
});

describe("stopping", () => {
  test("ends event streams, refuses what comes later and does not wait for idle connections", async () => {
    await using s = await running({ shutdownS: 30 });
    const events = await s.fetch("/api/pulls/p1/events");
    const idle = connect(s.port, "127.0.0.1");
    await new Promise((resolve) => idle.once("connect", resolve));
    idle.write("GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await new Promise((resolve) => idle.once("data", resolve));
    const startMs = performance.now();
    await s.server.stop();
    expect(performance.now() - startMs).toBeLessThan(2000);
    expect(await events.text()).toContain("event: pull");
    expect(await codeOf(s.fetch("/health/live").then(() => undefined))).toBeUndefined();
    idle.destroy();
  });

  test("lets a running answer finish", async () => {
    await using s = await running();
    const bytes = new Uint8Array(30_000_000).fill(1);
    await s.library.addFile("iris", "1", "x", `${s.folder.path}/x`, bytes);
    const client = connect(s.port, "127.0.0.1");
    client.write("GET /api/files/iris/1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    await new Promise((resolve) => client.once("readable", resolve));
    const stopped = s.server.stop();
    const answer = await readAll(client);
    expect(answer.length).toBeGreaterThan(bytes.length);
    await stopped;
  });

  test("cuts at the deadline what never ends", async () => {
    await using s = await running({ shutdownS: 0.3 });
    await s.library.addFile("iris", "1", "x", `${s.folder.path}/x`, new Uint8Array(30_000_000));
    const stuck = connect(s.port, "127.0.0.1");
    stuck.on("error", () => {}); // being cut is the point
    stuck.write("GET /api/files/iris/1/x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    await new Promise((resolve) => stuck.once("readable", resolve));
    const startMs = performance.now();
    await s.server.stop();
    expect(performance.now() - startMs).toBeWithin(250, 3000);
    stuck.destroy();
  });
});
