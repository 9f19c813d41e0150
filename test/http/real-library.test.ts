import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import type { JobView, PullView, TokenView } from "../../src/library/index.ts";
import { startHttp } from "../../src/http/index.ts";
import { openTestLibrary } from "../helpers/library.ts";
import { CONFIG, post } from "./setup.ts";

const BYTES = Buffer.alloc(200_000, "larder");
const DIGEST = createHash("sha256").update(BYTES).digest("hex");

async function started() {
  const real = await openTestLibrary();
  const unixSocket = `${real.home}/larder.sock`;
  const server = await startHttp({ library: real.library, config: CONFIG, unixSocket });
  const upstream = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(BYTES) });
  return {
    fetch: (target: string, init?: RequestInit) => fetch(new URL(target, server.url), init),
    owner: (target: string, init?: RequestInit) =>
      fetch(`http://owner${target}`, { ...init, unix: unixSocket }),
    address: new URL("/x/model.bin", upstream.url).href,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await upstream.stop(true);
      await real[Symbol.asyncDispose]();
    },
  };
}

test("a file is pulled, watched, described, served, aliased and removed over HTTP", async () => {
  await using s = await started();
  const body = { model: "acme/tiny", revision: "1.0", urls: [s.address], sha256: DIGEST, size: BYTES.length };
  const pulled = await s.fetch("/api/models/download", post(body));
  expect(pulled.status).toBe(202);
  const { id } = await pulled.json() as PullView;
  const events = await s.fetch(`/api/pulls/${id}/events`, { headers: { accept: "application/x-ndjson" } });
  const last = (await events.text()).trim().split("\n").at(-1) ?? "";
  expect(JSON.parse(last)).toMatchObject({ id, state: "done", version: "1.0", bytes_done: 200_000 });

  const whole = await s.fetch("/api/files/acme/tiny/latest/model.bin");
  expect(whole.headers.get("etag")).toBe(`"${DIGEST}"`);
  expect(createHash("sha256").update(await whole.bytes()).digest("hex")).toBe(DIGEST);
  const part = await s.fetch("/api/files/acme%2Ftiny/1.0/model.bin", { headers: { range: "bytes=6-11" } });
  expect([part.status, await part.text()]).toEqual([206, "larder"]);

  expect((await s.fetch("/api/models/acme/tiny@1.0")).status).toBe(200);
  expect(await (await s.fetch("/api/models/library?q=TIN")).json()).toMatchObject({ total: 1 });
  const alias = { ...post({ version: "1.0" }), method: "PUT" };
  expect((await s.owner("/api/models/acme/tiny/aliases/stable", alias)).status).toBe(200);
  expect((await s.fetch("/api/files/acme/tiny/stable/model.bin", { method: "HEAD" })).status).toBe(200);
  expect((await s.owner("/api/models/acme/tiny", { method: "DELETE" })).status).toBe(200);
  expect((await s.fetch("/api/files/acme/tiny/1.0/model.bin")).status).toBe(404);
});

test("the first token closes the server, and its scopes open it again", async () => {
  await using s = await started();
  expect((await s.fetch("/api/pulls")).status).toBe(200);
  const made = await s.owner("/api/tokens", post({ name: "ci", scopes: ["read"] }));
  expect(made.status).toBe(201);
  const { token, id } = await made.json() as TokenView;
  expect((await s.fetch("/api/pulls")).status).toBe(401);
  const headers = { authorization: `Bearer ${token}` };
  expect((await s.fetch("/api/pulls", { headers })).status).toBe(200);
  expect((await s.fetch("/api/tokens", { headers })).status).toBe(403);
  expect((await s.owner(`/api/tokens/${id}`, { method: "DELETE" })).status).toBe(204);
  expect((await s.fetch("/api/pulls", { headers })).status).toBe(401);
});

test("upkeep is a job that can be followed to its end", async () => {
  await using s = await started();
  const accepted = await s.owner("/api/verify", post({}));
  expect(accepted.status).toBe(202);
  const { id } = await accepted.json() as JobView;
  const events = await s.owner(`/api/jobs/${id}/events`);
  expect(await events.text()).toContain('"state":"done"');
});
