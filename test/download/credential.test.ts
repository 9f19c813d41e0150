import { expect, test } from "bun:test";
import { everythingOf, failure } from "../net/client.ts";
import { digestOf } from "../helpers/digest.ts";
import { type Origin, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { expectStarts, MIB, sharedDownloads } from "./downloading.ts";

const downloads = await sharedDownloads();

const CANARY = "canary-41c9";
const SMALL = pseudoRandomBytes(31, 200_000);
/** Longer than what is asked for first when nobody said the length, so that it takes several ranges. */
const LONG = pseudoRandomBytes(32, 20 * MIB);
const TAG = { etag: '"v1"' };

function credentialFor(origin: string) {
  return { credential: { origin, authorization: `Bearer ${CANARY}` } };
}

async function withTwo(work: (hub: Origin, other: Origin) => Promise<void>): Promise<void> {
  await using hub = await startOrigin();
  await using other = await startOrigin();
  await work(hub, other);
}

function expectAlwaysSent(origin: Origin, requests: number): void {
  const sent = origin.requests.map(({ headers }) => headers.get("authorization"));
  expect(sent).toEqual(Array.from({ length: requests }, () => `Bearer ${CANARY}`));
}

function expectNeverSent(origin: Origin, requests: number): void {
  expect(origin.requests).toHaveLength(requests);
  for (const { raw } of origin.requests) expect(raw).not.toContain(CANARY);
}

test("it goes with every request to its origin: retries, ranges, the rest after a cut", async () => {
  await using hub = await startOrigin();
  const mirrors = [hub.file("/f", LONG, TAG)];
  hub.fault("/f", [{ kind: "status", status: 503 }]);
  const { bytes } = await downloads.toPart("ranges", { mirrors, ...credentialFor(hub.origin) });
  expect(digestOf(bytes)).toBe(digestOf(LONG));
  expectAlwaysSent(hub, 3);
  expectStarts(hub.requests, [0, 0, 16 * MIB]);
  hub.forget();
  hub.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }]);
  await downloads.toPart("cut", { mirrors, ...credentialFor(hub.origin) });
  expectAlwaysSent(hub, 2);
  expectStarts(hub.requests, [0, 7 * MIB]);
});

test("it goes with a small file too, and with its retry", async () => {
  await using hub = await startOrigin();
  const mirrors = [hub.file("/f", SMALL, TAG)];
  hub.fault("/f", [{ kind: "cut", afterBytes: 1000 }]);
  const sizeBytes = SMALL.length;
  const { bytes } = await downloads.toMemory({ mirrors, sizeBytes, ...credentialFor(hub.origin) });
  expect(digestOf(bytes)).toBe(digestOf(SMALL));
  expectAlwaysSent(hub, 2);
});

test("it does not go along to another origin, neither with the redirect nor with later ranges", () =>
  withTwo(async (hub, cdn) => {
    const signed = `${cdn.file("/blob", LONG, TAG)}?Signature=s`;
    const mirrors = [hub.on("/f", (exchange) => exchange.answer(302, { Location: signed }))];
    const { bytes } = await downloads.toPart("cdn", { mirrors, ...credentialFor(hub.origin) });
    expect(digestOf(bytes)).toBe(digestOf(LONG));
    expectAlwaysSent(hub, 1);
    expectNeverSent(cdn, 2);
  }));

test("when an address of another origin has run out its origin is asked again, with it", () =>
  withTwo(async (hub, cdn) => {
    const mirrors = [
      hub.on("/f", (exchange) => exchange.answer(302, { Location: cdn.url(`/blob?n=${exchange.nth}`) })),
    ];
    cdn.file("/blob", LONG, TAG);
    cdn.fault("/blob", [{ kind: "none" }, { kind: "status", status: 403 }]);
    await downloads.toPart("expired", { mirrors, ...credentialFor(hub.origin) });
    expectAlwaysSent(hub, 2);
    expectNeverSent(cdn, 3);
  }));

test("a redirect inside its origin keeps it, for each range", async () => {
  await using hub = await startOrigin();
  hub.file("/there", LONG, TAG);
  const mirrors = [hub.on("/f", (exchange) => exchange.answer(307, { Location: "/there" }))];
  await downloads.toPart("inside", { mirrors, ...credentialFor(hub.origin) });
  expectAlwaysSent(hub, 4);
  expectStarts(hub.requestsFor("/there"), [0, 16 * MIB]);
});

test("another mirror does not get it", () =>
  withTwo(async (hub, mirror) => {
    const mirrors = [hub.file("/f", SMALL), mirror.file("/f", SMALL)];
    hub.fault("/f", [{ kind: "status", status: 404 }]);
    await downloads.toPart("mirror", { mirrors, ...credentialFor(hub.origin) });
    expectAlwaysSent(hub, 1);
    expectNeverSent(mirror, 1);
  }));

test("a mirror that leads to its origin cannot make us use it there", () =>
  withTwo(async (hub, mirror) => {
    hub.file("/chosen", LONG, TAG);
    const mirrors = [
      mirror.on("/f", (exchange) => exchange.answer(302, { Location: hub.url("/chosen") })),
    ];
    await downloads.toPart("led", { mirrors, ...credentialFor(hub.origin) });
    expectNeverSent(mirror, 2);
    expectNeverSent(hub, 2);
  }));

test("an origin is scheme, host and port: another name of the same server does not get it", async () => {
  await using hub = await startOrigin();
  hub.file("/f", SMALL);
  const mirrors = [hub.url("/f", "localhost")];
  await downloads.toPart("name", { mirrors, ...credentialFor(hub.origin) });
  expectNeverSent(hub, 1);
});

test("neither part nor journal nor error holds it", () =>
  withTwo(async (hub, mirror) => {
    const mirrors = [hub.file("/f", LONG, TAG), mirror.url("/none")];
    hub.fault("/f", [{ kind: "cut", afterBytes: 7 * MIB }, { kind: "status", status: 401 }]);
    const error = await failure(downloads.toPart("left", { mirrors, ...credentialFor(hub.origin) }));
    expect(error.code).toBe("UPSTREAM_NOT_FOUND");
    expect(everythingOf(error)).not.toContain(CANARY);
    const left = downloads.leftOf("left");
    expect(left.includes(hub.origin)).toBe(true);
    expect(left.includes(CANARY)).toBe(false);
  }));

test("one that no header can hold is not shown either", async () => {
  await using hub = await startOrigin();
  const credential = { origin: hub.origin, authorization: `Bearer ${CANARY}\nX-More: 1` };
  const mirrors = [hub.file("/f", SMALL)];
  const error = await downloads.toMemory({ mirrors, sizeBytes: SMALL.length, credential }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  expect(Bun.inspect(error)).not.toContain(CANARY);
  expect(hub.requests).toEqual([]);
});
