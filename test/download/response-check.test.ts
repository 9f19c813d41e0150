import { expect, test } from "bun:test";
import { isLarderError } from "../../src/core/index.ts";
import { checkResponse, type Offer } from "../../src/download/response-check.ts";

const NOW_S = 1_700_000_000;
const ASKED = { start: 100, end: 200 };

type Headers_ = Record<string, string>;

function check(status: number, headers: Headers_, asked: { start: number; end: number } | undefined) {
  try {
    return checkResponse({ status, headers: new Headers(headers) }, asked, NOW_S);
  } catch (error) {
    if (isLarderError(error)) return error.code;
    throw error;
  }
}

test("a whole file: its length, its strong tag, and what it says of ranges", () => {
  const cases: Array<[Headers_, Omit<Offer, "start">]> = [
    [{ "content-length": "5" }, { totalBytes: 5, ranges: undefined, endsByClose: false }],
    [{ "content-length": "0" }, { totalBytes: 0, ranges: undefined, endsByClose: false }],
    [{ "transfer-encoding": "chunked" }, { ranges: undefined, endsByClose: false }],
    [{}, { ranges: undefined, endsByClose: true }],
    [{ "content-length": "5", etag: '"a"' }, {
      totalBytes: 5,
      etag: '"a"',
      ranges: undefined,
      endsByClose: false,
    }],
    [{ "content-length": "5", etag: 'W/"a"' }, { totalBytes: 5, ranges: undefined, endsByClose: false }],
    [{ "content-length": "5", etag: "a" }, { totalBytes: 5, ranges: undefined, endsByClose: false }],
    [{ "content-length": "5", "accept-ranges": "none" }, {
      totalBytes: 5,
      ranges: false,
      endsByClose: false,
    }],
    [{ "content-length": "5", "content-encoding": "identity" }, {
      totalBytes: 5,
      ranges: undefined,
      endsByClose: false,
    }],
  ];
  for (const [headers, offer] of cases) {
    expect(check(200, headers, undefined)).toEqual({ start: 0, ...offer });
  }
  expect(check(200, { "content-length": "5" }, ASKED)).toEqual({
    start: 0,
    totalBytes: 5,
    ranges: false,
    endsByClose: false,
  });
});

test("a range: its place, its total and its tag", () => {
  const offer = { start: 100, end: 200, totalBytes: 1000, ranges: true, endsByClose: false };
  expect(check(206, { "content-range": "bytes 100-199/1000", etag: '"a"' }, ASKED)).toEqual({
    ...offer,
    etag: '"a"',
  });
  expect(check(206, { "content-range": "bytes 100-149/1000" }, ASKED)).toEqual({ ...offer, end: 150 });
  expect(check(206, { "content-range": "bytes 100-149/150" }, ASKED)).toEqual({
    ...offer,
    end: 150,
    totalBytes: 150,
  });
});

test("R02/R03/R08: a range that is not the one that was asked for is RANGE_MISMATCH", () => {
  const wrong: Headers_[] = [
    {},
    { "content-range": "bytes 0-99/1000" },
    { "content-range": "bytes 101-199/1000" },
    { "content-range": "bytes 100-200/1000" },
    { "content-range": "bytes 100-99/1000" },
    { "content-range": "bytes 100-199/*" },
    { "content-range": "bytes 100-199/150" },
    { "content-range": "bytes */1000" },
    { "content-range": "items 100-199/1000" },
    { "content-range": "bytes 100-199/1000, bytes 300-399/1000" },
    { "content-range": "bytes 100-199/1000", "content-type": "multipart/byteranges; boundary=x" },
  ];
  for (const headers of wrong) {
    expect<unknown[]>([headers, check(206, headers, ASKED)]).toEqual([headers, "RANGE_MISMATCH"]);
  }
});

test("R07: 416 says how long the file is, or nothing that helps", () => {
  expect(check(416, { "content-range": "bytes */100" }, ASKED)).toEqual({
    start: 100,
    end: 100,
    totalBytes: 100,
    ranges: true,
    endsByClose: false,
  });
  expect(check(416, {}, ASKED)).toBe("RANGE_MISMATCH");
  expect(check(416, {}, undefined)).toBe("UPSTREAM_STATUS");
});

test("what was not asked for is UPSTREAM_PROTOCOL", () => {
  expect(check(206, { "content-range": "bytes 0-1/2" }, undefined)).toBe("UPSTREAM_PROTOCOL");
  for (const encoding of ["gzip", "br", "aws-chunked", "identity, gzip"]) {
    expect(check(200, { "content-encoding": encoding, "content-length": "5" }, undefined)).toBe(
      "UPSTREAM_PROTOCOL",
    );
    expect(check(206, { "content-encoding": encoding, "content-range": "bytes 100-199/1000" }, ASKED)).toBe(
      "UPSTREAM_PROTOCOL",
    );
  }
  for (const status of [201, 202, 203, 204, 304]) expect(check(status, {}, ASKED)).toBe("UPSTREAM_PROTOCOL");
  for (const length of ["-1", "1e3", "0x10", "1, 1", "99999999999999999999"]) {
    expect(check(200, { "content-length": length }, undefined)).toBe("UPSTREAM_PROTOCOL");
  }
});

test("N14/N15/N16: a status that is no success has its own code", () => {
  const codes: Array<[number, string]> = [
    [401, "UPSTREAM_UNAUTHORIZED"],
    [403, "UPSTREAM_FORBIDDEN"],
    [451, "UPSTREAM_FORBIDDEN"],
    [404, "UPSTREAM_NOT_FOUND"],
    [410, "UPSTREAM_NOT_FOUND"],
    [429, "UPSTREAM_RATE_LIMITED"],
    [400, "UPSTREAM_STATUS"],
    [408, "UPSTREAM_STATUS"],
    [500, "UPSTREAM_STATUS"],
    [503, "UPSTREAM_STATUS"],
  ];
  for (const [status, code] of codes) {
    expect<unknown[]>([status, check(status, {}, ASKED)]).toEqual([status, code]);
  }
});

test("N15: Retry-After is read in both forms, at most 60 s, and the past does not count", () => {
  const waits: Array<[string, number | undefined]> = [
    ["7", 7],
    ["999999999999", 60],
    ["0", undefined],
    ["-5", undefined],
    ["soon", undefined],
    ["Tue, 14 Nov 2023 22:13:30 GMT", 10],
    ["Tue, 14 Nov 2023 23:13:20 GMT", 60],
    ["Tue, 14 Nov 2023 22:13:10 GMT", undefined],
  ];
  for (const [header, seconds] of waits) {
    try {
      checkResponse({ status: 429, headers: new Headers({ "retry-after": header }) }, ASKED, NOW_S);
      throw new Error("not reached");
    } catch (error) {
      if (!isLarderError(error, "UPSTREAM_RATE_LIMITED")) throw error;
      expect([header, error.retryAfterS]).toEqual([header, seconds]);
    }
  }
});
