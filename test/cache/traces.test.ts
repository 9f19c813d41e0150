import { expect, test } from "bun:test";
import { id, setUp } from "./fake-models.ts";

/** All by hand. Room for three models; a letter is a request. */
const ids = (letters: string) => letters.split(" ").map((letter) => id(letter));

test("lru evicts what was not used for the longest time", async () => {
  const { use, evicted } = setUp({ policy: "lru" });
  await use(..."A B C A B A D E A F".split(" "));
  // D finds C B A, E finds B A D, F finds D E A, oldest use first.
  expect(evicted()).toEqual(ids("C B D"));
});

test("fifo evicts what was loaded first, however often it is used", async () => {
  const { use, evicted } = setUp({ policy: "fifo" });
  await use(..."A B C A B A D E A F".split(" "));
  // The second A is a load again: E has taken B, so C is the first of C D E.
  expect(evicted()).toEqual(ids("A B C D"));
});

test("lfu evicts what was used least often", async () => {
  const { use, evicted } = setUp({ policy: "lfu" });
  await use(..."A B C A B A D E A F".split(" "));
  // D finds A3 B2 C1, E finds A3 B2 D1, F finds A4 B2 E1.
  expect(evicted()).toEqual(ids("C D E"));
});

test("lfu evicts the older one of two that were used as often", async () => {
  const { use, evicted } = setUp({ policy: "lfu" });
  await use(..."A B C B A D".split(" "), ..."D E C C F".split(" "));
  // D finds A2 B2 C1. E finds B2 A2 D2, oldest first. C finds A2 D2 E1. F finds A2 D2 C2.
  expect(evicted()).toEqual(ids("C B E A"));
});

test("ttl evicts what is over its time, oldest first, and else what was not used for the longest time", async () => {
  const { use, evicted, clock } = setUp({ policy: "ttl", ttlS: 10 });
  const at = async (second: number, letter: string) => {
    await clock.advance(second * 1000 - clock.monotonicMs());
    await use(letter);
  };
  await at(0, "A");
  await at(0.2, "B");
  await at(0.4, "C");
  await at(0.6, "A");
  await at(0.8, "D");
  expect(evicted()).toEqual(ids("B"));
  await clock.advance(9_000);
  expect(evicted()).toEqual(ids("B"));
  // Looked at every second from the first load on: A is gone at 10 s, C (10.4) and D (10.8) at 11 s.
  await clock.advance(200);
  expect(evicted()).toEqual(ids("B A"));
  await clock.advance(1000);
  expect(evicted()).toEqual(ids("B A C D"));
  await at(20.5, "B");
  await at(20.7, "A");
  await at(25, "C");
  // The next look is at 30.5, when B goes; the one after it is too late for A.
  await at(30.6, "E");
  await at(30.65, "A");
  await at(30.8, "F");
  expect(evicted()).toEqual(ids("B A C D B A"));
});

test("arc keeps what was asked for twice, and adapts to what it was wrong about", async () => {
  const { use, evicted } = setUp({ policy: "arc" });
  await use(..."A B C A D E C A F C D G A E F C D H A I J".split(" "));
  // T1 | T2 | B1 | B2 | p after each request, oldest first, by figure 4 of the paper with c = 3:
  //   A B C A   BC |A   |  |   |0
  //   D  B      CD |A   |B |   |0
  //   E  C      DE |A   |C |   |0    B1 gave B up: |T1| + |B1| = c
  //   C  D      E  |AC  |D |   |1    C was in B1
  //   A         E  |CA  |D |   |1
  //   F  C      EF |A   |D |C  |1    |T1| is not above p
  //   C  E      F  |AC  |DE|   |0    C was in B2
  //   D  A      F  |CD  |E |A  |1
  //   G  C      FG |D   |E |AC |1
  //   A  F      G  |DA  |EF|C  |0
  //   E  D      G  |AE  |F |CD |1
  //   F  A      G  |EF  |  |CDA|3    |B2| / |B1| = 2
  //   C  E      G  |FC  |  |DAE|2
  //   D  G         |FCD |G |AE |1    |T1| = p and D was in B2
  //   H  F      H  |CD  |G |EF |1    B2 gave A up: 2c names in all
  //   A  C      HA |D   |G |FC |1    A is new again
  //   I  H      AI |D   |H |FC |1
  //   J  A      IJ |D   |A |FC |1
  expect(evicted()).toEqual(ids("B C D C E A C F D A E G F C H A"));
});

test("arc does not remember the name of what leaves a cache full of models that were asked for once", async () => {
  const { use, evicted } = setUp({ policy: "arc" });
  await use(..."A B C D A E F G".split(" "));
  // |T1| = c: D takes A's place without A's name going to B1, so A comes back as new and leaves like the others.
  expect(evicted()).toEqual(ids("A B C D A"));
});

test("cost evicts what is loaded again at the least price for its bytes, and what was dear long ago ages", async () => {
  const { use, evicted, models } = setUp({ policy: "cost" });
  const costs = { A: [100, 10], B: [100, 50], C: [300, 100], D: [50, 10], E: [10, 10] } as const;
  for (const [name, [loadMs, bytes]] of Object.entries(costs)) {
    models.loadMs.set(name, loadMs);
    models.bytes.set(name, bytes);
  }
  await use(..."A B C D E E B C D E".split(" "));
  // Milliseconds per byte and use: A 10, B 2, C 3, D 5, E 1; the value of the last victim is added at each use.
  //   D finds A10 B2 C3 and comes as 2 + 5     E finds A10 C3 D7 and comes as 3 + 1, then 3 + 2
  //   B finds A10 D7 E5 and comes as 5 + 2     C finds A10 D7 B7, D's use is older, and comes as 7 + 3
  //   D finds A10 B7 C10 and comes as 7 + 5    E finds A10 C10 D12, A's use is older
  expect(evicted()).toEqual(ids("B C E D B A"));
});
