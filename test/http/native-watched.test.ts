import { expect, test } from "bun:test";
import { running } from "./setup.ts";
import { SCANNED, WATCHED } from "./watched-stand-in.ts";

test("watched folders are shown to readers, and looked at for administrators", async () => {
  await using s = await running();
  s.library.tokens.set("reader", ["read"]).set("root", ["admin"]);
  const ask = (method: string, path: string, token: string) =>
    s.fetch(path, { method, headers: { authorization: `Bearer ${token}` } });
  const shown = await ask("GET", "/api/watched", "reader");
  expect([shown.status, await shown.json()]).toEqual([200, WATCHED]);
  expect((await ask("POST", "/api/watched/scan", "reader")).status).toBe(403);
  expect(s.library.calls).toEqual([["watched.list"]]);
  const scanned = await ask("POST", "/api/watched/scan", "root");
  expect([scanned.status, await scanned.json()]).toEqual([200, SCANNED]);
  expect(s.library.calls).toEqual([["watched.list"], ["watched.scan"]]);
});
