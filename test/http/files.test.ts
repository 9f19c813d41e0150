import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { rawGet } from "./raw-client.ts";
import { problemOf, type Running, running } from "./setup.ts";

const SMALL = Buffer.from("0123456789");
const SMALL_DIGEST = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";
const LARGE = Buffer.alloc(700_000, 0).map((_, at) => (at * 7 + (at >> 8)) & 255);

async function withFiles(): Promise<Running> {
  const s = await running();
  await s.library.addFile("iris", "1.0", "w/model.bin", `${s.folder.path}/small`, SMALL);
  await s.library.addFile("acme/tiny", "1.0", "model.bin", `${s.folder.path}/large`, LARGE);
  await s.library.addFile("iris", "1.0", "empty", `${s.folder.path}/empty`, new Uint8Array(0));
  return s;
}

const get = (s: Running, headers: Record<string, string> = {}, target = "/api/files/iris/1.0/w/model.bin") =>
  s.fetch(target, { headers });

describe("a whole file", () => {
  test("comes with length, digest and what a browser may not do with it", async () => {
    await using s = await withFiles();
    const response = await get(s);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.bytes())).toEqual(SMALL);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-length": "10",
      "etag": `"${SMALL_DIGEST}"`,
      "accept-ranges": "bytes",
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
      "cache-control": "max-age=31536000, immutable",
      "content-disposition": "attachment; filename*=UTF-8''model.bin",
    });
  });

  test("is sent from disk when it is large, with its length", async () => {
    await using s = await withFiles();
    const response = await get(s, {}, "/api/files/acme/tiny/1.0/model.bin");
    expect(response.headers.get("content-length")).toBe("700000");
    const digest = createHash("sha256").update(await response.bytes()).digest("hex");
    expect(response.headers.get("etag")).toBe(`"${digest}"`);
  });

  test("is not kept by caches under an alias", async () => {
    await using s = await withFiles();
    const response = await get(s, {}, "/api/files/iris/latest/w/model.bin");
    expect(response.headers.get("cache-control")).toBe("no-cache");
  });

  test("may be empty", async () => {
    await using s = await withFiles();
    const target = "/api/files/iris/1.0/empty";
    const response = await get(s, {}, target);
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "0"]);
    const ranged = await get(s, { range: "bytes=0-" }, target);
    expect([ranged.status, ranged.headers.get("content-range")]).toEqual([416, "bytes */0"]);
  });

  test("tells its true length to HEAD", async () => {
    await using s = await withFiles();
    for (const [target, length] of [["iris/1.0/w/model.bin", "10"], ["acme/tiny/1.0/model.bin", "700000"]]) {
      const response = await s.fetch(`/api/files/${target}`, { method: "HEAD" });
      expect([response.status, response.headers.get("content-length")]).toEqual([200, length ?? ""]);
      expect(response.headers.get("etag")).toMatch(/^"[0-9a-f]{64}"$/);
    }
  });

  test("gives the same bytes when it comes from memory the second and third time", async () => {
    await using s = await withFiles();
    for (let round = 0; round < 4; round++) {
      expect(Buffer.from(await (await get(s)).bytes())).toEqual(SMALL);
      expect(await (await get(s, { range: "bytes=2-4" })).text()).toBe("234");
    }
  });

  test("says that it is damaged or missing rather than sending less", async () => {
    await using s = await withFiles();
    await Bun.write(`${s.folder.path}/small`, "0123");
    const short = await get(s);
    expect([short.status, (await problemOf(short)).code]).toEqual([500, "BLOB_DAMAGED"]);
    await rm(`${s.folder.path}/small`);
    const gone = await get(s);
    expect([gone.status, (await problemOf(gone)).code]).toEqual([404, "BLOB_MISSING"]);
    await rm(`${s.folder.path}/large`);
    expect((await get(s, {}, "/api/files/acme/tiny/1.0/model.bin")).status).toBe(500);
  });
});

describe("ranges", () => {
  test.each([
    ["bytes=0-0", "0", "bytes 0-0/10"],
    ["bytes=3-5", "345", "bytes 3-5/10"],
    ["bytes=8-", "89", "bytes 8-9/10"],
    ["bytes=8-99", "89", "bytes 8-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=-99", "0123456789", "bytes 0-9/10"],
    ["bytes=5-18446744073709551616", "56789", "bytes 5-9/10"],
  ])("%s is 206", async (range, body, contentRange) => {
    await using s = await withFiles();
    const response = await get(s, { range });
    expect([response.status, response.headers.get("content-range")]).toEqual([206, contentRange]);
    expect(await response.text()).toBe(body);
  });

  test.each(["bytes=10-", "bytes=99-100", "bytes=-0", "bytes=18446744073709551616-"])(
    "A20: %s is 416 with the size",
    async (range) => {
      await using s = await withFiles();
      const response = await get(s, { range });
      expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */10"]);
      expect((await problemOf(response)).code).toBe("RANGE_NOT_SATISFIABLE");
    },
  );

  test.each(["bytes=5-3", "lines=1-2", "bytes=a-b", "bytes=", "bytes=-", "0-5", "bytes=0x1-2"])(
    "A20: %s is ignored",
    async (range) => {
      await using s = await withFiles();
      for (
        const [target, length] of [["iris/1.0/w/model.bin", "10"], ["acme/tiny/1.0/model.bin", "700000"]]
      ) {
        const response = await get(s, { range }, `/api/files/${target}`);
        expect([response.status, response.headers.get("content-length")]).toEqual([200, length ?? ""]);
        await response.body?.cancel();
      }
    },
  );

  test("A19: a thousand ranges, and overlapping ones, are ignored", async () => {
    await using s = await withFiles();
    const many = Array.from({ length: 1000 }, (_, at) => `${at}-${at}`).join(",");
    for (const range of [`bytes=${many}`, "bytes=0-5,3-8", "bytes=0-0,-1"]) {
      for (const target of ["/api/files/iris/1.0/w/model.bin", "/api/files/acme/tiny/1.0/model.bin"]) {
        const response = await get(s, { range }, target);
        expect([response.status, response.headers.get("content-range")]).toEqual([200, null]);
        await response.body?.cancel();
      }
    }
  });

  test("of a large file come from disk with the right bytes", async () => {
    await using s = await withFiles();
    const target = "/api/files/acme/tiny/1.0/model.bin";
    const response = await get(s, { range: "bytes=100000-499999" }, target);
    expect([response.status, response.headers.get("content-range"), response.headers.get("content-length")])
      .toEqual([206, "bytes 100000-499999/700000", "400000"]);
    expect(Buffer.from(await response.bytes()).equals(LARGE.subarray(100_000, 500_000))).toBe(true);
  });
});

describe("A21: conditions", () => {
  test("If-Range with our ETag gives the range; with any other value the whole", async () => {
    await using s = await withFiles();
    const digestOfLarge = createHash("sha256").update(LARGE).digest("hex");
    for (
      const [target, digest] of [["iris/1.0/w/model.bin", SMALL_DIGEST], [
        "acme/tiny/1.0/model.bin",
        digestOfLarge,
      ]]
    ) {
      const ask = async (condition: string) => {
        const headers = { range: "bytes=1-2", "if-range": condition };
        const response = await get(s, headers, `/api/files/${target}`);
        await response.body?.cancel();
        return response.status;
      };
      expect(await ask(`"${digest}"`)).toBe(206);
      expect(await ask('"other"')).toBe(200);
      expect(await ask(`W/"${digest}"`)).toBe(200);
      expect(await ask("Wed, 21 Oct 2015 07:28:00 GMT")).toBe(200);
      expect(await ask(digest ?? "")).toBe(200);
    }
  });

  test("If-None-Match with our ETag is 304 without a body", async () => {
    await using s = await withFiles();
    for (const condition of [`"${SMALL_DIGEST}"`, `"x", W/"${SMALL_DIGEST}"`, "*"]) {
      const response = await get(s, { "if-none-match": condition, range: "bytes=0-1" });
      expect([response.status, await response.text()]).toEqual([304, ""]);
      expect(response.headers.get("etag")).toBe(`"${SMALL_DIGEST}"`);
    }
    expect((await get(s, { "if-none-match": '"other"' })).status).toBe(200);
  });
});

describe("names", () => {
  test("a model's slashes may be raw or encoded", async () => {
    await using s = await withFiles();
    for (const model of ["acme/tiny", "acme%2Ftiny", "acme%2ftiny", "%61cme/tiny"]) {
      const response = await get(s, { range: "bytes=0-0" }, `/api/files/${model}/1.0/model.bin`);
      expect([model, response.status]).toEqual([model, 206]);
    }
  });

  test("of several readings the longest model that has the file is taken", async () => {
    await using s = await withFiles();
    await s.library.addFile("a", "b", "c/1/x", `${s.folder.path}/1`, Buffer.from("short"));
    await s.library.addFile("a/b", "c", "1/y", `${s.folder.path}/2`, Buffer.from("long"));
    expect(await (await get(s, {}, "/api/files/a/b/c/1/y")).text()).toBe("long");
    expect(await (await get(s, {}, "/api/files/a/b/c/1/x")).text()).toBe("short");
    expect((await get(s, {}, "/api/files/a/b/c/1/z")).status).toBe(404);
  });

  test("unknown names are 404 by their kind", async () => {
    await using s = await withFiles();
    const code = async (target: string) => {
      const response = await get(s, {}, `/api/files/${target}`);
      return [response.status, (await problemOf(response)).code];
    };
    expect(await code("nobody/1.0/x")).toEqual([404, "MODEL_NOT_FOUND"]);
    expect(await code("iris/9.9/x")).toEqual([404, "VERSION_NOT_FOUND"]);
    expect(await code("iris/1.0/x")).toEqual([404, "FILE_NOT_FOUND"]);
  });

  const LONG = "x".repeat(256);
  test.each([
    ["M01: ../ in the model", "/api/files/..%2f..%2fetc/1.0/passwd"],
    ["M01: .. as a version", "/api/files/iris/%2e%2e%2f/x"],
    ["M02: encoded separators", "/api/files/iris/1.0/..%2f..%2fetc%2fpasswd"],
    ["M03: encoded twice", "/api/files/iris/1.0/%252e%252e%252fetc"],
    ["M03: a version encoded twice", "/api/files/iris/%2531.0/x"],
    ["M04: an encoded backslash", "/api/files/iris/1.0/..%5cetc"],
    ["M04: an encoded backslash in a model", "/api/files/ir%5cis/1.0/x"],
    ["M05: NUL in a path", "/api/files/iris/1.0/w%00"],
    ["M05: NUL in a version", "/api/files/iris/1.0%00/w"],
    ["M05: NUL in a model", "/api/files/iris%00/1.0/w"],
    ["M06: overlong UTF-8", "/api/files/iris/1.0/%c0%ae%c0%ae/x"],
    ["M06: invalid UTF-8", "/api/files/iris/1.0/%ff"],
    ["M06: cut UTF-8", "/api/files/iris/1.0/%E0%A4%A"],
    ["M06: invalid UTF-8 in a model", "/api/files/%ff/1.0/x"],
    ["M09: a long name", `/api/files/iris/1.0/${LONG}`],
    ["M09: a long path", `/api/files/iris/1.0/${`${"x".repeat(250)}/`.repeat(20)}x`],
    ["M09: many names", `/api/files/iris/1.0/${"x/".repeat(5000)}x`],
    ["M09: a long model", `/api/files/${LONG}/1.0/x`],
    ["M11: a line feed", "/api/files/iris/1.0/a%0d%0ab"],
    ["M11: ANSI", "/api/files/iris/1.0/%1b%5b31m"],
    ["M11: right to left", "/api/files/iris/1.0/a%E2%80%AEb"],
    ["M11: a control character in a model", "/api/files/ir%07is/1.0/x"],
    ["an empty name", "/api/files/iris/1.0/w//model.bin"],
    ["no path", "/api/files/iris/1.0/"],
    ["no version", "/api/files/iris"],
  ])("%s is 400", async (_what, target) => {
    await using s = await withFiles();
    const answer = await rawGet(s.port, target);
    expect(answer.status).toBe(400);
    expect(["BAD_NAME", "BAD_PATH"]).toContain(JSON.parse(answer.body.toString()).code);
    expect(s.library.calls).toEqual([]);
  });

  test.each([
    "/api/files/iris/1.0/../../../etc/passwd",
    "/api/files/iris/1.0/%2e%2e/%2e%2e/%2e%2e/x",
    "/api/files/..\\x",
  ])(
    "M01: %s never gets out of the route",
    async (target) => {
      await using s = await withFiles();
      const answer = await rawGet(s.port, target);
      expect([400, 404]).toContain(answer.status);
      expect(s.library.calls).toEqual([]);
    },
  );

  test("M03: a path is decoded once: what is then still encoded is a literal name", async () => {
    await using s = await withFiles();
    await s.library.addFile("iris", "1.0", "a%20b", `${s.folder.path}/lit`, Buffer.from("literal"));
    expect(await (await get(s, {}, "/api/files/iris/1.0/a%2520b")).text()).toBe("literal");
  });

  test("M07: NFC and NFD of a name stay two files", async () => {
    await using s = await withFiles();
    await s.library.addFile("iris", "1.0", "caf\u00e9", `${s.folder.path}/nfc`, Buffer.from("nfc"));
    await s.library.addFile("iris", "1.0", "cafe\u0301", `${s.folder.path}/nfd`, Buffer.from("nfd"));
    expect(await (await get(s, {}, "/api/files/iris/1.0/caf%C3%A9")).text()).toBe("nfc");
    expect(await (await get(s, {}, "/api/files/iris/1.0/cafe%CC%81")).text()).toBe("nfd");
  });

  test("A15: a hostile name is encoded in Content-Disposition and adds no header", async () => {
    await using s = await withFiles();
    const name = `a";x='(1)*\u20ac.bin`;
    await s.library.addFile("iris", "1.0", name, `${s.folder.path}/evil`, SMALL);
    const answer = await rawGet(s.port, `/api/files/iris/1.0/${encodeURIComponent(name)}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-disposition")).toBe(
      "attachment; filename*=UTF-8''a%22%3Bx%3D%27%281%29%2A%E2%82%AC.bin",
    );
  });

  test("A32: metrics name the route, never what was asked for", async () => {
    await using s = await withFiles();
    await get(s, {}, "/api/files/canary-model/1/canary-path");
    await s.fetch("/canary-route");
    const text = await (await s.fetch("/metrics")).text();
    expect(text).toContain('route="/api/files/{model}/{version}/{path}"');
    expect(text).not.toContain("canary");
  });
});
