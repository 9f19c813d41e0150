import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { NetRequest, NetResponse } from "../../src/net/index.ts";
import { makeAuthority, type Origin, startOrigin } from "../helpers/origin.ts";
import { testWith } from "../helpers/tools.ts";
import { everythingOf, failure, localClient, names, trusting } from "./client.ts";

let home: Origin;
let away: Origin;
beforeAll(async () => {
  [home, away] = await Promise.all([startOrigin(), startOrigin()]);
  for (const origin of [home, away]) origin.file("/end", new TextEncoder().encode("the end"));
});
beforeEach(() => {
  home.requests.length = away.requests.length = 0;
});
afterAll(() => Promise.all([home.close(), away.close()]));

const CANARY = "canary-7f3a";
const SECRETS: NetRequest = {
  headers: { Range: "bytes=0-2", "X-Careless": CANARY },
  originHeaders: {
    Authorization: `Bearer ${CANARY}`,
    Cookie: CANARY,
    "X-Api-Key": CANARY,
    "Proxy-Authorization": CANARY,
  },
};

function redirect(origin: Origin, path: string, location: string, status = 302): URL {
  return new URL(origin.on(path, (exchange) => exchange.answer(status, { Location: location })));
}

async function text(response: NetResponse): Promise<string> {
  return await new Response(response.body).text();
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`${status} is followed, and the range goes along`, async () => {
    const response = await localClient().request(redirect(home, "/r", "/end", status), SECRETS);
    expect([response.status, await text(response), response.url.href]).toEqual([
      206,
      "the",
      home.url("/end"),
    ]);
  });
}

test("the same origin keeps its credentials", async () => {
  await text(await localClient().request(redirect(home, "/same", "/end"), SECRETS));
  expect(home.requests.map((one) => one.headers.get("authorization"))).toEqual([
    `Bearer ${CANARY}`,
    `Bearer ${CANARY}`,
  ]);
  expect(home.requests.map((one) => one.headers.get("x-api-key"))).toEqual([CANARY, CANARY]);
});

test("R16: five redirects are followed, the sixth is REDIRECT", async () => {
  for (let i = 1; i <= 6; i++) redirect(home, `/hop${i}`, i === 1 ? "/end" : `/hop${i - 1}`);
  expect((await localClient().request(new URL(home.url("/hop5")))).status).toBe(200);
  home.requests.length = 0;
  expect((await failure(localClient().request(new URL(home.url("/hop6"))))).code).toBe("REDIRECT");
  expect(home.requests.length).toBe(6);
});

test("R16: a loop ends after six requests", async () => {
  expect((await failure(localClient().request(redirect(home, "/loop", "/loop")))).code).toBe("REDIRECT");
  expect(home.requests.length).toBe(6);
});

testWith(["openssl"], "R17: from https to http is refused, also to an allowed origin", async () => {
  const certificate = await (await makeAuthority()).issue(["127.0.0.1"]);
  await using secure = await startOrigin({ tls: certificate });
  const allowOrigins = ["https://127.0.0.1:*", "http://127.0.0.1:*"];
  const client = localClient({ allowOrigins }, { fetch: trusting(certificate.ca) });
  expect((await failure(client.request(redirect(secure, "/down", home.url("/end"))))).code).toBe("REDIRECT");
  expect(home.requests).toEqual([]);
  redirect(secure, "/down", "/end");
  secure.file("/end", new Uint8Array(1));
  expect((await client.request(new URL(secure.url("/down")))).status).toBe(200);
});

describe("R18: only http and https are followed", () => {
  for (
    const location of [
      "file:///etc/passwd",
      "data:text/plain,x",
      "s3://b/k",
      "ftp://127.0.0.1/",
      "javascript:0",
    ]
  ) {
    test(location, async () => {
      expect((await failure(localClient().request(redirect(home, "/odd", location)))).code).toBe("REDIRECT");
    });
  }
});

function expectNothingLeft(origin: Origin): void {
  expect(origin.requests.length).toBeGreaterThan(0);
  for (const request of origin.requests) expect(request.raw).not.toContain(CANARY);
}

test("R19, R20, S09, R11: another port gets no credential and no custom header, but the range", async () => {
  const response = await localClient().request(redirect(home, "/over", away.url("/end")), SECRETS);
  expect(await text(response)).toBe("the");
  expectNothingLeft(away);
  expect(away.requests[0]?.headers.get("range")).toBe("bytes=0-2");
});

test("R21: credentials that were dropped never come back (A to B to B, A to B to A)", async () => {
  redirect(away, "/on", "/end");
  await text(await localClient().request(redirect(home, "/abb", away.url("/on")), SECRETS));
  expectNothingLeft(away);
  redirect(away, "/back", home.url("/end"));
  await text(await localClient().request(redirect(home, "/aba", away.url("/back")), SECRETS));
  const last = home.requests.at(-1);
  expect([last?.path, last?.raw.includes(CANARY)]).toEqual(["/end", false]);
  expectNothingLeft(away);
});

test("R22: a sub-domain is another origin", async () => {
  const resolve = names({ "foo.test": ["127.0.0.1"], "www.foo.test": ["127.0.0.1"] });
  const allowOrigins = ["http://foo.test:*", "http://www.foo.test:*"];
  redirect(home, "/sub", home.url("/end", "www.foo.test"));
  await text(
    await localClient({ allowOrigins }, { resolve }).request(new URL(home.url("/sub", "foo.test")), SECRETS),
  );
  expect(home.requests.map((one) => [one.headers.get("host"), one.raw.includes(CANARY)])).toEqual([
    [`foo.test:${home.port}`, true],
    [`www.foo.test:${home.port}`, false],
  ]);
});

describe("R23: what a Location may hold", () => {
  test("a user name is refused", async () => {
    const location = `http://user:${CANARY}@127.0.0.1:${away.port}/end`;
    const error = await failure(localClient().request(redirect(home, "/user", location)));
    expect(error.code).toBe("REDIRECT");
    expect(everythingOf(error)).not.toContain(CANARY);
    expect(away.requests).toEqual([]);
  });
  test("no Location, and one that is none", async () => {
    const none = home.on("/none", (exchange) => exchange.answer(302));
    expect((await failure(localClient().request(new URL(none)))).code).toBe("REDIRECT");
    expect((await failure(localClient().request(redirect(home, "/bad", "http://[")))).code).toBe("REDIRECT");
    const long = redirect(home, "/long", `/${"x".repeat(10_000)}`);
    expect((await failure(localClient().request(long))).code).toBe("REDIRECT");
  });
  test("// means another host, and the policy is asked about it", async () => {
    const error = await failure(localClient().request(redirect(home, "/evil", "//10.1.2.3/end")));
    expect(error.code).toBe("SSRF_BLOCKED");
    const response = await localClient().request(
      redirect(home, "/fine", `//127.0.0.1:${away.port}/end`),
      SECRETS,
    );
    expect(response.status).toBe(206);
    expectNothingLeft(away);
  });
  test("relative paths are resolved, a fragment is dropped, raw UTF-8 keeps its bytes", async () => {
    home.file("/a/end", new Uint8Array(1));
    home.file("/a/%C3%A4", new Uint8Array(2));
    const response = await localClient().request(redirect(home, "/a/b", "./x/../end#part"));
    expect([response.status, response.url.href]).toEqual([200, home.url("/a/end")]);
    const raw = Buffer.from("/a/ä", "utf8").toString("latin1");
    expect((await localClient().request(redirect(home, "/a/c", raw))).status).toBe(200);
  });
  test("an encoded line break stays encoded", async () => {
    await localClient().request(redirect(home, "/crlf", "/end%0d%0aX-Evil:%20" + "1"));
    expect(home.requests.at(-1)?.headers.has("x-evil")).toBe(false);
  });
});

test("R24: a challenge that names a foreign realm is an answer, and nothing is sent there", async () => {
  const url = home.on(
    "/private",
    (exchange) =>
      exchange.answer(401, { "WWW-Authenticate": `Bearer realm="${away.url("/token")}",service="x"` }),
  );
  const response = await localClient().request(new URL(url), SECRETS);
  expect(response.status).toBe(401);
  expect([home.requests.length, away.requests.length]).toEqual([1, 0]);
});

describe("S05, S06: the address policy holds at every hop", () => {
  for (
    const location of [
      "http://169.254.169.254/latest",
      "https://127.0.0.2/",
      "http://[::ffff:7f00:1]/",
      "https://2130706433/",
    ]
  ) {
    test(location, async () => {
      const client = localClient({ allowOrigins: [home.origin] });
      expect((await failure(client.request(redirect(home, "/in", location)))).code).toBe("SSRF_BLOCKED");
    });
  }
  test("a name that leads inside", async () => {
    const resolve = names({ "cdn.test": ["192.168.0.10"] });
    const client = localClient({ allowOrigins: [home.origin] }, { resolve });
    const error = await failure(client.request(redirect(home, "/name", "https://cdn.test/x")));
    expect(error.code).toBe("SSRF_BLOCKED");
    expect(everythingOf(error)).not.toContain("192.168.0.10"); // or the error would tell what names mean inside
  });
});

describe("S17: the query of an address that was redirected to is in no error", () => {
  const cases: Record<string, (exchange: Parameters<Parameters<Origin["on"]>[1]>[0]) => Promise<void>> = {
    "a protocol error": (exchange) => exchange.head(200, { "Content-Length": "x" }),
    "a broken connection": (exchange) => exchange.reset(),
    "a time-out": (exchange) => exchange.stall(),
    "a further redirect that is refused": (exchange) =>
      exchange.answer(302, { Location: `ftp://x/?sig=${CANARY}` }),
  };
  for (const [name, handler] of Object.entries(cases)) {
    test(name, async () => {
      away.on("/signed", handler);
      const url = redirect(home, "/to-signed", away.url(`/signed?X-Amz-Signature=${CANARY}&other=${CANARY}`));
      const error = await failure(localClient({ headersMs: 300 }).request(url, SECRETS));
      expect(everythingOf(error)).not.toContain(CANARY);
      expect(away.requests[0]?.target).toContain(CANARY);
    });
  }
});

test("S16: an answer that echoes our token is not in any error", async () => {
  const url = home.on("/echo", (exchange) => exchange.answer(302, { Location: `ftp://${CANARY}/` }, CANARY));
  expect(everythingOf(await failure(localClient().request(new URL(url), SECRETS)))).not.toContain(CANARY);
});

test("the body of a redirect is given up, however long it is", async () => {
  await using lonely = await startOrigin();
  const url = lonely.on("/long", async (exchange) => {
    await exchange.head(302, { Location: home.url("/end"), "Content-Length": "1000000000000" });
    for (;;) await exchange.write(new Uint8Array(65536));
  });
  const held: Response[] = []; // or the garbage collector closes the connection for us
  const holding = async (address: string, init: BunFetchRequestInit) => {
    const response = await fetch(address, init);
    held.push(response);
    return response;
  };
  expect((await localClient({}, { fetch: holding }).request(new URL(url))).status).toBe(200);
  while (lonely.openConnections > 0) await Bun.sleep(1);
});
