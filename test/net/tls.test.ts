import { expect } from "bun:test";
import { type Authority, makeAuthority, startOrigin } from "../helpers/origin.ts";
import { testWith } from "../helpers/tools.ts";
import { failure, localClient, names, trusting } from "./client.ts";

const resolve = names({ "a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"] });
const allowOrigins = ["https://a.test:*", "https://b.test:*", "http://a.test:*"];

async function secureOrigin(certNames: string[], options: { days?: number; authority?: Authority } = {}) {
  const authority = options.authority ?? await makeAuthority();
  const certificate = await authority.issue(certNames, options.days);
  const origin = await startOrigin({ tls: certificate });
  origin.file("/x", new TextEncoder().encode("secret"));
  return { origin, certificate, fetch: trusting(certificate.ca) };
}

async function tlsReason(certNames: string[], days?: number): Promise<unknown> {
  const { origin, fetch } = await secureOrigin(certNames, days === undefined ? {} : { days });
  await using _closing = origin;
  const error = await failure(
    localClient({ allowOrigins }, { resolve, fetch }).request(new URL(origin.url("/x", "a.test"))),
  );
  expect([error.code, error.retryable]).toEqual(["TLS", false]);
  expect(origin.requests).toEqual([]);
  return error.details?.["reason"];
}

testWith(["openssl"], "N26: a wrong name is TLS, and nothing is asked", async () => {
  expect(await tlsReason(["b.test"])).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
});

testWith(["openssl"], "N26: an expired certificate is TLS, and nothing is asked", async () => {
  expect(await tlsReason(["a.test"], -1)).toBe("CERT_HAS_EXPIRED");
});

testWith(["openssl"], "N26: an unknown authority is TLS, and http is not tried instead", async () => {
  const { origin } = await secureOrigin(["a.test"]);
  await using _closing = origin;
  const asked: string[] = [];
  const watching = (url: string, init: BunFetchRequestInit) => {
    asked.push(url);
    return fetch(url, init);
  };
  const client = localClient({ allowOrigins }, { resolve, fetch: watching });
  const error = await failure(client.request(new URL(origin.url("/x", "a.test"))));
  expect(error.code).toBe("TLS");
  expect(asked).toEqual([`https://127.0.0.1:${origin.port}/x`]);
});

testWith(["openssl"], "N26: a server without TLS behind https is TLS", async () => {
  await using plain = await startOrigin();
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.end("HTTP/1.1 400 Bad\r\n\r\n") },
  });
  const error = await failure(
    localClient({ allowOrigins }, { resolve }).request(new URL(`https://a.test:${server.port}/`)),
  );
  expect(error.code).toBe("TLS");
  expect(plain.requests).toEqual([]);
  server.stop(true);
});

testWith(
  ["openssl"],
  "S04: the checked address is connected to, the name is in Host and verified",
  async () => {
    const { origin, fetch } = await secureOrigin(["a.test"]);
    await using _closing = origin;
    let lookups = 0;
    const rebinding = () => Promise.resolve(lookups++ === 0 ? ["127.0.0.1"] : ["10.0.0.1"]);
    const client = localClient({ allowOrigins }, { resolve: rebinding, fetch });
    const response = await client.request(new URL(origin.url("/x", "a.test")));
    expect(await new Response(response.body).text()).toBe("secret");
    expect(lookups).toBe(1);
    expect(origin.requests[0]?.headers.get("host")).toBe(`a.test:${origin.port}`);
    expect(response.url.hostname).toBe("a.test");
  },
);

testWith(
  ["openssl"],
  "S04: two names on one address never share a connection, each is verified",
  async () => {
    const authority = await makeAuthority();
    const { origin, fetch } = await secureOrigin(["a.test", "b.test"], { authority });
    await using _closing = origin;
    const client = localClient({ allowOrigins }, { resolve, fetch });
    for (const host of ["a.test", "b.test", "a.test", "b.test"]) {
      await new Response((await client.request(new URL(origin.url("/x", host)))).body).text();
    }
    const [a, b, a2, b2] = origin.requests.map((one) => one.connection);
    expect(a).not.toBe(b);
    expect([a2, b2]).toEqual([a, b]);
    const only = await secureOrigin(["a.test"], { authority });
    await using _closing2 = only.origin;
    await new Response((await client.request(new URL(only.origin.url("/x", "a.test")))).body).text();
    expect((await failure(client.request(new URL(only.origin.url("/x", "b.test"))))).code).toBe("TLS");
  },
);

testWith(["openssl"], "an allowed https address without a name is verified by its IP", async () => {
  const { origin, fetch } = await secureOrigin(["127.0.0.1"]);
  await using _closing = origin;
  const client = localClient({ allowOrigins: [origin.origin] }, { fetch });
  expect((await client.request(new URL(origin.url("/x")))).status).toBe(200);
});
