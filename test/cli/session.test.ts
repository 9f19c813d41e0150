import { expect, test } from "bun:test";
import type { CliApi } from "../../src/cli/index.ts";
import { LarderError } from "../../src/core/index.ts";
import type { LarderApi } from "../../src/library/index.ts";
import { tempFolder } from "../helpers/temp-folder.ts";
import { larder } from "./harness.ts";

const LOCKED = new LarderError("HOME_LOCKED", "Cannot take the home: larder pull, process 42, has it", {
  retryable: true,
});
const TOKENS: Partial<LarderApi> = { listTokens: () => Promise.resolve([]) };

test("P09: a home that stays locked exits with 75 and names the holder", async () => {
  const { code, stderr } = await larder(["token", "list", "--wait", "0.1"], {
    parts: { openHome: () => Promise.reject(LOCKED) },
  });
  expect(code).toBe(75);
  expect(stderr).toContain("process 42");
});

test("a home that becomes free meanwhile is taken, and let go at the end", async () => {
  let tries = 0;
  let closed = 0;
  const { code } = await larder(["token", "list", "--wait", "10"], {
    parts: {
      openHome: () => {
        if (++tries < 3) return Promise.reject(LOCKED);
        return Promise.resolve({ library: TOKENS as CliApi, close: () => Promise.resolve(void closed++) });
      },
    },
  });
  expect([code, tries, closed]).toEqual([0, 3, 1]);
});

test("a server that is just starting is found as soon as it listens", async () => {
  await using folder = await tempFolder();
  const socket = `${folder.path}/larder.sock`;
  let server: Bun.Server<undefined> | undefined;
  const { code, documents } = await larder(["token", "list", "--json", "--home", folder.path], {
    parts: {
      openHome: () => {
        server = Bun.serve({ unix: socket, fetch: () => Response.json({ tokens: [] }) });
        return Promise.reject(LOCKED);
      },
    },
  });
  await server?.stop(true);
  expect([code, documents]).toEqual([0, [{ tokens: [] }]]);
});

test("waiting for a home is interrupted by a signal", async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort("SIGINT"), 20);
  const { code } = await larder(["token", "list"], {
    signal: stop.signal,
    parts: { openHome: () => Promise.reject(LOCKED) },
  });
  expect(code).toBe(130);
});

test("the home is let go when the verb fails", async () => {
  let closed = 0;
  const library = { listTokens: () => Promise.reject(new LarderError("BUSY", "Cannot read")) } as Partial<
    LarderApi
  >;
  const { code } = await larder(["token", "list"], {
    parts: {
      openHome: () =>
        Promise.resolve({ library: library as CliApi, close: () => Promise.resolve(void closed++) }),
    },
  });
  expect([code, closed]).toEqual([75, 1]);
});
