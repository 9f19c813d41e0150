import { expect, test } from "bun:test";
import { ChunkMap } from "../../src/download/chunk-map.ts";

const CHUNK = 5242880;

/** The same by the simplest means: one cell for each MiB; sizes in it are multiples of one. */
class NaiveMap {
  readonly cells: boolean[];
  readonly claims = new Set<number>();

  constructor(private readonly mib: number) {
    this.cells = new Array<boolean>(mib).fill(false);
  }

  chunkCells(index: number): number[] {
    return this.cells.map((_, cell) => cell).filter((cell) => Math.floor(cell / 5) === index);
  }

  isDone(index: number): boolean {
    return this.chunkCells(index).every((cell) => this.cells[cell]);
  }

  get front(): number {
    const missing = this.cells.indexOf(false);
    return missing < 0 ? this.mib : missing;
  }

  get done(): number {
    return this.cells.filter(Boolean).length;
  }

  get chunks(): number {
    return Math.ceil(this.mib / 5);
  }

  get unclaimed(): number {
    return this.cells.filter((isDone, cell) => !isDone && !this.claims.has(Math.floor(cell / 5))).length;
  }
}

const MIB = 1048576;

function random(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

test("any order of claims, writes, releases and losses agrees with a naive map", () => {
  const seed = Number(process.env["LARDER_TEST_SEED"] ?? Date.now() % 1_000_000);
  const pick = random(seed);
  try {
    for (let round = 0; round < 60; round++) play(pick);
  } catch (error) {
    throw new Error(`LARDER_TEST_SEED=${seed}`, { cause: error });
  }
});

function play(pick: (below: number) => number): void {
  const mib = pick(60);
  const map = new ChunkMap(mib * MIB);
  const naive = new NaiveMap(mib);
  const open: Array<{ start: number; at: number; end: number }> = [];
  for (let step = 0; step < 200; step++) {
    const action = pick(10);
    if (action < 3) {
      const claim = map.claim((1 + pick(20)) * MIB);
      if (claim === undefined) expect(naive.unclaimed).toBe(0);
      else {
        const { start, end } = claim;
        for (let cell = start / MIB; cell < end / MIB; cell++) {
          expect([naive.cells[cell], naive.claims.has(Math.floor(cell / 5))]).toEqual([false, false]);
        }
        for (let cell = start / MIB; cell < end / MIB; cell++) naive.claims.add(Math.floor(cell / 5));
        open.push({ start, at: start, end });
      }
    } else if (action < 8 && open.length > 0) {
      const claim = open[pick(open.length)];
      if (claim === undefined || claim.at === claim.end) continue;
      const to = Math.min(claim.end, claim.at + (1 + pick(7)) * MIB);
      const before = Array.from({ length: naive.chunks }, (_, index) => naive.isDone(index));
      for (let cell = claim.at / MIB; cell < to / MIB; cell++) naive.cells[cell] = true;
      const completed = before.flatMap((was, index) => !was && naive.isDone(index) ? [index] : []);
      expect(map.advance(claim.at, to)).toEqual(completed);
      claim.at = to;
    } else if (action === 8 && open.length > 0) {
      const [claim] = open.splice(pick(open.length), 1);
      if (claim === undefined) continue;
      map.release(claim);
      for (let cell = claim.start / MIB; cell < claim.end / MIB; cell++) {
        naive.claims.delete(Math.floor(cell / 5));
      }
    } else if (naive.chunks > 0) {
      const index = pick(naive.chunks);
      if (naive.claims.has(index)) continue;
      if (naive.isDone(index)) {
        map.markMissing(index);
        for (const cell of naive.chunkCells(index)) naive.cells[cell] = false;
      } else {
        map.markDone(index);
        for (const cell of naive.chunkCells(index)) naive.cells[cell] = true;
      }
    }
    expect(map.frontBytes).toBe(naive.front * MIB);
    expect(map.doneBytes).toBe(naive.done * MIB);
    expect(map.complete).toBe(naive.done === mib);
    expect(map.unclaimedBytes).toBe(naive.unclaimed * MIB);
  }
}

test("an empty file is complete from the start", () => {
  const map = new ChunkMap(0);
  expect([map.complete, map.frontBytes, map.claim(Infinity)]).toEqual([true, 0, undefined]);
});

test("the last chunk is as long as what is left", () => {
  const map = new ChunkMap(CHUNK + 1);
  expect(map.claim(Infinity)).toEqual({ start: 0, end: CHUNK + 1 });
  expect(map.advance(0, CHUNK + 1)).toEqual([0, 1]);
  expect([map.complete, map.doneBytes]).toEqual([true, CHUNK + 1]);
});

test("a begun chunk is claimed from where it ends, and a note that cannot be right is passed over", () => {
  const map = new ChunkMap(2 * CHUNK);
  map.markBegun(0, 1000);
  map.markBegun(1, CHUNK);
  map.markBegun(2, 1);
  expect(map.doneBytes).toBe(1000);
  expect(map.claim(1)).toEqual({ start: 1000, end: CHUNK });
  expect(map.claim(1)).toEqual({ start: CHUNK, end: 2 * CHUNK });
  expect(map.claim(1)).toBeUndefined();
});

test("bytes that are there already count once, also when they are written again", () => {
  const map = new ChunkMap(3 * CHUNK);
  map.markDone(1);
  expect(map.advance(0, CHUNK + 100)).toEqual([0]);
  expect(map.doneBytes).toBe(2 * CHUNK);
  expect(map.advance(CHUNK + 100, 3 * CHUNK)).toEqual([2]);
  expect([map.doneBytes, map.complete]).toEqual([3 * CHUNK, true]);
});

test("hold() takes every chunk that a range touches out of what can be claimed", () => {
  const map = new ChunkMap(4 * CHUNK);
  map.hold({ start: 0, end: CHUNK + 1 });
  expect(map.claim(Infinity)).toEqual({ start: 2 * CHUNK, end: 4 * CHUNK });
  map.hold({ start: 0, end: 1e15 });
  map.release({ start: 0, end: 1e15 });
  expect(map.unclaimedBytes).toBe(4 * CHUNK);
});
