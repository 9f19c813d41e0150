import { expect, test } from "bun:test";
import type { Digest } from "../../src/core/index.ts";
import {
  decodeJournal,
  encodeBegun,
  encodeBoot,
  encodeHeader,
  encodeRecord,
  type JournalHeader,
  RECORD_BYTES,
} from "../../src/download/journal.ts";
import { digestOf } from "../helpers/digest.ts";

const A = digestOf("a") as Digest;
const B = digestOf("b") as Digest;
const HEADER: JournalHeader = {
  version: 1,
  totalBytes: 104857600,
  mirror: "https://h.test/f",
  etag: '"é1"',
  boot: A,
};
const RECORDS = [
  encodeRecord(0),
  encodeBegun(1, 524288),
  encodeRecord(0, A),
  encodeRecord(1),
  encodeRecord(1, B),
  encodeRecord(19),
  encodeBegun(7, 1),
];
const HEADER_BYTES = encodeHeader(HEADER);
const JOURNAL = Buffer.concat([HEADER_BYTES, ...RECORDS]);

/** What a journal says, in a form that can be compared. */
function said(bytes: Uint8Array) {
  const journal = decodeJournal(bytes);
  return journal && {
    header: journal.header,
    boot: journal.boot,
    written: [...journal.written],
    hashed: [...journal.hashed],
    begun: [...journal.begun],
  };
}

test("a journal says what was written into it", () => {
  expect(said(JOURNAL)).toEqual({
    header: HEADER,
    boot: A,
    written: [0, 1, 19],
    hashed: [[0, A], [1, B]],
    begun: [[1, 524288], [7, 1]],
  });
  expect(decodeJournal(JOURNAL)?.sizeBytes).toBe(JOURNAL.length);
});

test("a record is 44 bytes with its CRC-32 at the end", () => {
  const record = encodeRecord(258, A);
  expect(Buffer.from(record.subarray(0, 8)).toString("hex")).toBe("0200000002010000");
  expect(Buffer.from(record.subarray(8, 40)).toString("hex")).toBe(A);
  // python3 -c 'import zlib; print(hex(zlib.crc32(b"\1" + bytes(39))))'
  expect(Buffer.from(encodeRecord(0)).readUInt32LE(40)).toBe(0x46a8aff6);
});

test("every truncation of a journal says a part of it, or nothing", () => {
  for (let length = 0; length <= JOURNAL.length; length++) {
    const journal = decodeJournal(JOURNAL.subarray(0, length));
    if (length < HEADER_BYTES.length) {
      expect(journal).toBeUndefined();
      continue;
    }
    const whole = Math.floor((length - HEADER_BYTES.length) / RECORD_BYTES);
    const prefix = JOURNAL.subarray(0, HEADER_BYTES.length + whole * RECORD_BYTES);
    expect(said(JOURNAL.subarray(0, length))).toEqual(said(prefix));
    expect(journal?.sizeBytes).toBe(prefix.length);
  }
});

test("a flipped bit ends the journal before its record", () => {
  for (let bit = HEADER_BYTES.length * 8; bit < JOURNAL.length * 8; bit++) {
    const bytes = Buffer.from(JOURNAL);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const before = Math.floor(((bit >> 3) - HEADER_BYTES.length) / RECORD_BYTES);
    const prefix = JOURNAL.subarray(0, HEADER_BYTES.length + before * RECORD_BYTES);
    expect(said(bytes)).toEqual(said(prefix));
  }
});

test("what was written before another boot counts for nothing, what was hashed is checked", () => {
  const later = Buffer.concat([JOURNAL, encodeBoot(B), encodeRecord(3), encodeBegun(4, 9)]);
  expect(said(later)).toEqual({
    header: HEADER,
    boot: B,
    written: [3],
    hashed: [[0, A], [1, B]],
    begun: [[4, 9]],
  });
});

test("R12: a header that is not ours is no journal", () => {
  const headers = [
    "",
    "\n",
    "null\n",
    "[]\n",
    "garbage\n",
    "{}\n",
    '{"version":2,"totalBytes":1,"mirror":""}\n',
    '{"version":1,"totalBytes":-1,"mirror":""}\n',
    '{"version":1,"totalBytes":1.5,"mirror":""}\n',
    '{"version":1,"totalBytes":9007199254740993,"mirror":""}\n',
    '{"version":1,"totalBytes":"1","mirror":""}\n',
    '{"version":1,"totalBytes":1}\n',
    '{"version":1,"totalBytes":1,"mirror":"","etag":"no quotes"}\n',
    '{"version":1,"totalBytes":1,"mirror":"","etag":"\\"a\\r\\nX: 1\\""}\n',
    '{"version":1,"totalBytes":1,"mirror":"","boot":"short"}\n',
    `${" ".repeat(9000)}{"version":1,"totalBytes":1,"mirror":""}\n`,
  ];
  for (const header of headers) {
    expect([header, decodeJournal(Buffer.from(header))]).toEqual([header, undefined]);
  }
  expect(decodeJournal(Buffer.from('{"version":1,"totalBytes":1,"mirror":""}\n'))).toBeDefined();
});
