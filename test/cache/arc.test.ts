import { expect, test } from "bun:test";
import { id, setUp } from "./fake-models.ts";
import { pseudoRandom } from "./pseudo-random.ts";

/**
 * The algorithm as it stands in figure 4 of Megiddo and Modha (USENIX FAST 2003): lists of pages, oldest first.
 *
 * @returns What leaves the cache, in order.
 */
function arcByTheBook(requests: readonly string[], c: number): string[] {
  const left: string[] = [];
  let [t1, t2, b1, b2] = [[], [], [], []] as [string[], string[], string[], string[]];
  let p = 0;
  const without = (list: string[], x: string) => list.filter((one) => one !== x);
  const replace = (x: string) => {
    if (t1.length >= 1 && ((b2.includes(x) && t1.length === p) || t1.length > p)) {
      const [oldest = "", ...rest] = t1;
      [t1, b1] = [rest, [...b1, oldest]];
      left.push(oldest);
    } else {
      const [oldest = "", ...rest] = t2;
      [t2, b2] = [rest, [...b2, oldest]];
      left.push(oldest);
    }
  };
  for (const x of requests) {
    if (t1.includes(x) || t2.includes(x)) {
      [t1, t2] = [without(t1, x), [...without(t2, x), x]];
    } else if (b1.includes(x)) {
      p = Math.min(c, p + (b1.length >= b2.length ? 1 : b2.length / b1.length));
      replace(x);
      [b1, t2] = [without(b1, x), [...t2, x]];
    } else if (b2.includes(x)) {
      p = Math.max(0, p - (b2.length >= b1.length ? 1 : b1.length / b2.length));
      replace(x);
      [b2, t2] = [without(b2, x), [...t2, x]];
    } else {
      const l1 = t1.length + b1.length;
      const total = l1 + t2.length + b2.length;
      if (l1 === c) {
        if (t1.length < c) {
          b1 = b1.slice(1);
          replace(x);
        } else {
          left.push(...t1.slice(0, 1));
          t1 = t1.slice(1);
        }
      } else if (total >= c) {
        if (total === 2 * c) b2 = b2.slice(1);
        replace(x);
      }
      t1 = [...t1, x];
    }
  }
  return left;
}

test.each([[1, 3], [2, 4], [3, 8], [4, 1], [5, 12]])(
  "arc leaves the cache as the paper has it: seed %d, room for %d",
  async (seed, countMax) => {
    const random = pseudoRandom(seed);
    // Favourites that change, and now and then a scan.
    const names = Array.from({ length: 1500 }, (_, step) => {
      const isScan = step % 200 > 170;
      return isScan ? `s${step}` : `m${Math.floor(random() ** 3 * 25) + Math.floor(step / 500) * 5}`;
    });
    const { use, evicted } = setUp({ policy: "arc", countMax });
    await use(...names);
    const expected = arcByTheBook(names, countMax).map((name) => id(name));
    expect(expected.length).toBeGreaterThan(200);
    expect(evicted()).toEqual(expected);
  },
);
