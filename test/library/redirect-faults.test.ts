import { expect, test } from "bun:test";
import { join } from "node:path";
import type { PullRequest, PullView } from "../../src/library/index.ts";
import { openTestLibrary, pullAndWait } from "../helpers/library.ts";
import { makeAuthority, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { expectSound, incoming } from "../helpers/sound.ts";
import { testWith } from "../helpers/tools.ts";
import {
  exactly,
  expectContent,
  expectDone,
  expectFailed,
  expectNoModel,
  fileOf,
  MIB,
  withOrigin,
} from "./pulling.ts";

const SMALL = pseudoRandomBytes(31, 300_000);
const LONG = pseudoRandomBytes(32, 80 * MIB + 9);
const EXPIRED =
  '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>';
const ONE_CONNECTION = { connections: 1 };

/** A hub that redirects to another port with a new token each time. */
async function signingPair(bytes: Uint8Array) {
  const cdn = await startOrigin();
  const hub = await startOrigin();
  let tokens = 0;
  cdn.file("/blob", bytes, { etag: '"v1"' });
  hub.on("/f", (exchange) => exchange.answer(302, { Location: cdn.url(`/blob?token=canary${++tokens}`) }));
  return {
    cdn,
    hub,
    url: hub.url("/f"),
    [Symbol.asyncDispose]: async () => {
      await cdn.close();
      await hub.close();
    },
  };
}

test("a redirect is followed once for each connection, and its target used for all its ranges", async () => {
  await using pair = await signingPair(LONG);
  await using larder = await openTestLibrary(ONE_CONNECTION);
  expectDone(await pullAndWait(larder.library, fileOf(pair.url, exactly(LONG))));
  await expectContent(larder, LONG);
  expect(pair.hub.requests).toHaveLength(1);
  expect(pair.cdn.requests.length).toBeGreaterThan(1);
  expect(pair.cdn.connections).toBe(1); // the connection is used again, too
  await expectSound(larder);
});

for (const status of [403, 400, 401]) {
  test(`R10: a signed address that expires mid-way (${status}) is asked for again, and the error page is not written`, async () => {
    await using pair = await signingPair(LONG);
    await using larder = await openTestLibrary(ONE_CONNECTION);
    pair.cdn.fault("/blob", [{ kind: "none" }, { kind: "none" }, {
      kind: "status",
      status,
      headers: { "Content-Type": "application/xml" },
      body: EXPIRED,
    }]);
    expectDone(await pullAndWait(larder.library, fileOf(pair.url)));
    await expectContent(larder, LONG);
    expect(pair.hub.requests).toHaveLength(2);
    const targets = pair.cdn.requests.map(({ target }) => target);
    expect(new Set(targets)).toEqual(new Set(["/blob?token=canary1", "/blob?token=canary2"]));
    const ranges = pair.cdn.requests.filter((one) => one.status === 206).map(({ range }) =>
      range?.start ?? 0
    );
    expect(new Set(ranges).size).toBe(ranges.length); // no byte twice
    await expectSound(larder);
  });
}

test("R10/R11: one that expires in the middle of a body goes on at the same byte, also when it leads elsewhere", async () => {
  await using pair = await signingPair(LONG);
  await using other = await startOrigin();
  await using larder = await openTestLibrary(ONE_CONNECTION);
  other.file("/moved", LONG, { etag: '"v1"' });
  pair.cdn.fault("/blob", [{ kind: "cut", afterBytes: 10 * MIB }]);
  let asked = 0;
  pair.hub.on(
    "/f",
    (exchange) =>
      exchange.answer(302, {
        Location: asked++ === 0 ? pair.cdn.url("/blob?token=a") : other.url("/moved?token=b"),
      }),
  );
  expectDone(await pullAndWait(larder.library, fileOf(pair.url)));
  await expectContent(larder, LONG);
  expect(pair.cdn.requests).toHaveLength(1);
  const start = other.requests[0]?.range?.start ?? 0;
  expect(start).toBeGreaterThan(9 * MIB);
  expect(start).toBeLessThanOrEqual(10 * MIB);
  expect(other.requests[0]?.raw).not.toContain("token=a");
  await expectSound(larder);
});

test("R10: an address that is refused each time is not asked for without end", async () => {
  await using pair = await signingPair(LONG);
  await using larder = await openTestLibrary(ONE_CONNECTION);
  pair.cdn.fault("/blob", [{ kind: "none" }, { kind: "status", status: 403, body: EXPIRED }], {
    forever: true,
  });
  expectFailed(await pullAndWait(larder.library, fileOf(pair.url)), "UPSTREAM_FORBIDDEN");
  expect(pair.cdn.requests).toHaveLength(3);
  await expectNoModel(larder);
  await expectSound(larder);
});

test("R16: a redirect loop ends after five", () =>
  withOrigin(async (origin, larder) => {
    origin.on("/f", (exchange) => exchange.answer(302, { Location: "/f" }));
    expectFailed(await pullAndWait(larder.library, fileOf(origin.url("/f"))), "REDIRECT");
    expect(origin.requests).toHaveLength(6);
    expect(incoming(larder.home)).toEqual([]);
  }));

testWith(
  ["openssl"],
  "R17: a redirect from https to http is refused, and nothing is asked there",
  async () => {
    const certificate = await (await makeAuthority()).issue(["127.0.0.1"]);
    await using secure = await startOrigin({ tls: certificate });
    await using plain = await startOrigin();
    secure.on("/f", (exchange) => exchange.answer(302, { Location: plain.file("/f", SMALL) }));
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: certificate.caPath };
    expectDone(await pullElsewhere(fileOf(secure.file("/right", SMALL), exactly(SMALL)), env));
    expectFailed(await pullElsewhere(fileOf(secure.url("/f")), env), "REDIRECT");
    expect(plain.connections).toBe(0);
  },
  20_000,
);

async function pullElsewhere(
  request: PullRequest,
  env: Record<string, string | undefined>,
): Promise<PullView> {
  const script = join(import.meta.dir, "../helpers/pull-process.ts");
  const child = Bun.spawn([process.execPath, script, JSON.stringify(request)], { env, stderr: "inherit" });
  return JSON.parse(await new Response(child.stdout).text());
}

test("R18: a redirect to anything but http and https is refused", () =>
  withOrigin(async (origin, larder) => {
    for (
      const location of [
        "file:///etc/passwd",
        "data:text/plain,hi",
        "s3://bucket/key",
        "ftp://127.0.0.1/f",
        "blob:x",
      ]
    ) {
      origin.on("/f", (exchange) => exchange.answer(302, { Location: location }));
      expectFailed(await pullAndWait(larder.library, fileOf(origin.url("/f"))), "REDIRECT");
    }
    expect(incoming(larder.home)).toEqual([]);
    await expectNoModel(larder);
  }));

test("R19: nothing of an address that leads elsewhere is told there", async () => {
  await using home = await startOrigin();
  await using elsewhere = await startOrigin();
  await using larder = await openTestLibrary();
  elsewhere.file("/f", SMALL);
  home.on(
    "/f",
    (exchange) => exchange.answer(307, { Location: elsewhere.url("/f"), "Set-Cookie": "c=canary-cookie" }),
  );
  expectDone(await pullAndWait(larder.library, fileOf(home.url("/f?token=canary-query"))));
  expect(home.requests[0]?.target).toContain("canary-query");
  for (const { raw } of elsewhere.requests) expect(raw).not.toContain("canary");
  expect([...elsewhere.requests[0]?.headers.keys() ?? []].sort()).toEqual(
    ["accept", "accept-encoding", "connection", "host", "range", "user-agent"],
  );
  await expectSound(larder);
});
