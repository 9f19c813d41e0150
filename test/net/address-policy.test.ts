import { describe, expect, test } from "bun:test";
import { AllowedOrigins, isPublicAddress } from "../../src/net/address-policy.ts";
import { startOrigin } from "../helpers/origin.ts";
import { failure, localClient, names } from "./client.ts";

const closedPolicy = { allowOrigins: [] };

/** Counts what would go out and lets nothing out. */
function sealed() {
  const asked: string[] = [];
  const fetch = (url: string) => {
    asked.push(url);
    return Promise.resolve(new Response("out"));
  };
  return { asked, fetch };
}

describe("S01: addresses inside the house are refused before anything goes out", () => {
  for (
    const host of [
      "169.254.169.254",
      "127.0.0.1",
      "127.255.255.254",
      "10.0.0.1",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "100.64.0.1",
      "100.127.255.255",
      "192.0.0.192",
      "198.18.0.1",
      "192.0.2.1",
      "198.51.100.7",
      "203.0.113.7",
      "224.0.0.1",
      "255.255.255.255",
      "[::1]",
      "[fe80::1]",
      "[fec0::1]",
      "[fd00:ec2::254]",
      "[ff02::1]",
      "[2001:db8::1]",
      "[2001::1]",
      "[2002:7f00:1::]",
      "[100::1]",
    ]
  ) {
    test(host, async () => {
      const { asked, fetch } = sealed();
      const client = localClient(closedPolicy, { fetch });
      expect((await failure(client.request(new URL(`https://${host}/latest/meta-data`)))).code).toBe(
        "SSRF_BLOCKED",
      );
      expect((await failure(client.request(new URL(`http://${host}/`)))).code).toBe("SSRF_BLOCKED");
      expect(asked).toEqual([]);
    });
  }
});

describe("S02: other spellings of 127.0.0.1 are refused", () => {
  for (const host of ["0x7f000001", "2130706433", "127.1", "0177.0.0.1", "①②⑦.0.0.1", "127.0.0.1."]) {
    test(host, async () => {
      const { asked, fetch } = sealed();
      const error = await failure(localClient(closedPolicy, { fetch }).request(new URL(`https://${host}/`)));
      expect(error.code).toBe("SSRF_BLOCKED");
      expect(asked).toEqual([]);
    });
  }
});

describe("S03: IPv4 inside IPv6, and nowhere addresses, are refused", () => {
  for (
    const host of [
      "[::ffff:127.0.0.1]",
      "[::ffff:8.8.8.8]",
      "[::127.0.0.1]",
      "[::]",
      "0.0.0.0",
      "0.1.2.3",
      "[64:ff9b::7f00:1]",
      "[64:ff9b::]",
      "[64:ff9b::a9fe:a9fe]",
      "[64:ff9b:1::808:808]",
      "[2002:a00:1::1]",
    ]
  ) {
    test(host, async () => {
      const { asked, fetch } = sealed();
      const error = await failure(localClient(closedPolicy, { fetch }).request(new URL(`https://${host}/`)));
      expect(error.code).toBe("SSRF_BLOCKED");
      expect(asked).toEqual([]);
    });
  }
});

test("public addresses pass, the neighbours of closed nets and NAT64 of a public host too", () => {
  for (
    const address of [
      "8.8.8.8",
      "9.255.255.255",
      "11.0.0.0",
      "100.63.255.255",
      "100.128.0.0",
      "172.15.255.255",
      "172.32.0.0",
      "192.167.255.255",
      "192.169.0.0",
      "198.17.255.255",
      "198.20.0.0",
      "223.255.255.255",
      "2606:4700::1111",
      "2a00:1450:4001::1",
      "64:ff9b::808:808",
    ]
  ) {
    expect([address, isPublicAddress(address)]).toEqual([address, true]);
  }
  for (const text of ["", "localhost", "1.2.3", "fe80::1%eth0", "::ffff:0:0"]) {
    expect([text, isPublicAddress(text)]).toEqual([text, false]);
  }
});

test("a name with one public and one private address is only asked at the public one", async () => {
  const { asked, fetch } = sealed();
  const resolve = names({ "files.test": ["10.0.0.7", "1.1.1.1"] });
  await localClient(closedPolicy, { fetch, resolve }).request(new URL("https://files.test/x"));
  expect(asked).toEqual(["https://1.1.1.1/x"]);
});

test("plain http is refused for a public server, and goes where its origin is allowed", async () => {
  const { asked, fetch } = sealed();
  const resolve = names({ "files.test": ["1.1.1.1"] });
  const request = (allowOrigins: string[], address: string) =>
    localClient({ allowOrigins }, { fetch, resolve }).request(new URL(address));
  expect((await failure(request([], "http://files.test/"))).code).toBe("SSRF_BLOCKED");
  expect((await failure(request(["http://files.test:81"], "http://files.test/"))).code).toBe("SSRF_BLOCKED");
  expect((await failure(request(["https://files.test"], "http://files.test/"))).code).toBe("SSRF_BLOCKED");
  expect(asked).toEqual([]);
  await request(["http://files.test"], "http://files.test/");
  await request(["http://files.test:*"], "http://files.test:82/");
  expect(asked).toEqual(["http://1.1.1.1/", "http://1.1.1.1:82/"]);
});

test("an allowed address of this machine is served, another one of it is not", async () => {
  await using origin = await startOrigin();
  const url = new URL(origin.file("/x", new Uint8Array(3)));
  const response = await localClient({ allowOrigins: [origin.origin] }).request(url);
  expect([response.status, (await new Response(response.body).bytes()).length]).toEqual([200, 3]);
  url.hostname = "127.0.0.2";
  expect((await failure(localClient({ allowOrigins: [origin.origin] }).request(url))).code).toBe(
    "SSRF_BLOCKED",
  );
});

test("allowed origins are read strictly", () => {
  for (
    const text of [
      "127.0.0.1:80",
      "http://127.0.0.1/path",
      "ftp://x",
      "http://u@x",
      "*",
      "http://*:*:*",
      "http://x?y",
    ]
  ) {
    expect(() => new AllowedOrigins([text])).toThrow(expect.objectContaining({ code: "CONFIG" }));
  }
  const allowed = new AllowedOrigins(["http://[::1]:*", "HTTPS://Files.Test:443/"]);
  expect(allowed.has(new URL("http://[::1]:9/x"))).toBe(true);
  expect(allowed.has(new URL("https://files.test/x"))).toBe(true);
  expect(allowed.has(new URL("https://www.files.test/x"))).toBe(false);
});

describe("S07: only http and https are sources", () => {
  for (
    const address of [
      "file:///etc/passwd",
      "s3://bucket/key",
      "data:text/plain,x",
      "unix:/run/x",
      "ftp://x/y",
    ]
  ) {
    test(address, async () => {
      const { asked, fetch } = sealed();
      const client = localClient({}, { fetch });
      expect((await failure(client.request(new URL(address)))).code).toBe("BAD_SOURCE");
      expect(asked).toEqual([]);
    });
  }
  test("and none with a user name", async () => {
    expect((await failure(localClient().request(new URL("http://u:p@127.0.0.1/")))).code).toBe("BAD_SOURCE");
  });
});

test("a direct origin is allowed where a request begins, and not where a redirect leads", async () => {
  await using hub = await startOrigin();
  await using other = await startOrigin();
  hub.file("/there", new TextEncoder().encode("there"));
  hub.on("/within", (exchange) => exchange.answer(302, { Location: "/there" }));
  const away = other.file("/file", new TextEncoder().encode("away"));
  hub.on("/away", (exchange) => exchange.answer(302, { Location: away }));
  other.on("/back", (exchange) => exchange.answer(302, { Location: hub.url("/there") }));
  const client = localClient({ allowOrigins: [other.origin], directOrigins: [hub.origin] });
  const closed = localClient({ allowOrigins: [], directOrigins: [hub.origin] });
  expect(await new Response((await closed.request(new URL(hub.url("/within")))).body).text()).toBe("there");
  expect((await failure(closed.request(new URL(hub.url("/away"))))).code).toBe("SSRF_BLOCKED");
  expect((await failure(client.request(new URL(other.url("/back"))))).code).toBe("SSRF_BLOCKED");
});
