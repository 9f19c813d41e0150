import { describe, expect, test } from "bun:test";
import { bodyError, statusError } from "../../src/net/index.ts";
import { type Fault, pseudoRandomBytes, startOrigin } from "../helpers/origin.ts";
import { everythingOf, localClient } from "./client.ts";

const NOW_S = 1_700_000_000; // Tue, 14 Nov 2023 22:13:20 GMT
const of = (status: number, headers: Record<string, string> = {}) =>
  statusError(status, new Headers(headers), NOW_S);

test("N14: 408, 500, 502, 503 and 504 are worth another try", () => {
  for (const status of [408, 500, 502, 503, 504]) {
    expect([of(status).code, of(status).retryable, of(status).retryAfterS]).toEqual([
      "UPSTREAM_STATUS",
      true,
      undefined,
    ]);
  }
  for (const status of [400, 402, 405, 409, 416, 418, 501, 505]) {
    expect([of(status).code, of(status).retryable]).toEqual(["UPSTREAM_STATUS", false]);
  }
  expect(of(503, { "Retry-After": "7" }).retryAfterS).toBe(7);
});

describe("N15: Retry-After is read in both forms, at most 60 s, and never a reason to spin", () => {
  const cases: Record<string, number | undefined> = {
    "3": 3,
    "99999999999": 60,
    "-5": undefined,
    "0": undefined,
    "soon": undefined,
    "Tue, 14 Nov 2023 22:13:50 GMT": 30,
    "Tue, 14 Nov 2023 22:00:00 GMT": undefined,
    "Fri, 14 Nov 2053 22:00:00 GMT": 60,
  };
  for (const [header, seconds] of Object.entries(cases)) {
    test(header, () => {
      const error = of(429, { "Retry-After": header });
      expect([error.code, error.retryable, error.retryAfterS]).toEqual([
        "UPSTREAM_RATE_LIMITED",
        true,
        seconds,
      ]);
    });
  }
});

test("N16: refusals and absence are told apart and not tried again", () => {
  const codes = [401, 403, 451, 404, 410].map((status) => [of(status).code, of(status).retryable]);
  expect(codes).toEqual([
    ["UPSTREAM_UNAUTHORIZED", false],
    ["UPSTREAM_FORBIDDEN", false],
    ["UPSTREAM_FORBIDDEN", false],
    ["UPSTREAM_NOT_FOUND", false],
    ["UPSTREAM_NOT_FOUND", false],
  ]);
});

test("R25: a success or redirect status that nobody asked for is UPSTREAM_PROTOCOL", () => {
  expect([204, 206, 304].map((status) => of(status).code)).toEqual(Array(3).fill("UPSTREAM_PROTOCOL"));
});

describe("N07, N08, N09: a body that breaks off is UPSTREAM_TRUNCATED, and its address is not in the error", () => {
  const faults: Record<string, Fault> = {
    "N07: FIN": { kind: "cut", afterBytes: 500_000 },
    "N08: RST": { kind: "reset", afterBytes: 500_000 },
    "N09: no last chunk": { kind: "chunked", last: false, afterBytes: 300_000 },
  };
  for (const [name, fault] of Object.entries(faults)) {
    test(name, async () => {
      const error = bodyError(await bodyFailure(fault));
      expect([error.code, error.retryable]).toEqual(["UPSTREAM_TRUNCATED", true]);
      expect(everythingOf(error)).not.toContain("canary");
    });
  }
  test("a bad chunk is UPSTREAM_PROTOCOL", async () => {
    const bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n";
    expect(bodyError(await bodyFailure({ kind: "raw", bytes })).code).toBe("UPSTREAM_PROTOCOL");
  });
});

async function bodyFailure(fault: Fault): Promise<unknown> {
  await using origin = await startOrigin();
  origin.file("/x", pseudoRandomBytes(3, 1_000_000));
  origin.fault("/x", [fault]);
  const response = await localClient().request(new URL(origin.url("/x?sig=canary")));
  return await new Response(response.body).bytes().then(() => "it succeeded", (error) => error);
}
