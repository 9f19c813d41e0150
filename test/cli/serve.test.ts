import { expect, test } from "bun:test";
import type { ServeOptions } from "../../src/cli/index.ts";
import { larder } from "./harness.ts";

test.each([
  ["text", "For clients of the hub: HF_ENDPOINT=http://127.0.0.1:7421\n"],
  ["json", ""],
])("serve says where clients of the hub find it, log format %s", async (format, line) => {
  const stop = new AbortController();
  const serving = {
    url: "http://127.0.0.1:7420",
    hubUrl: "http://127.0.0.1:7421",
    socketPath: "/s",
    close: () => Promise.resolve(),
  };
  const parts = {
    serve: () => {
      setTimeout(() => stop.abort("SIGTERM"), 0);
      return Promise.resolve(serving);
    },
  };
  const options = { parts, signal: stop.signal };
  const { code, stdout } = await larder(["serve", "--log-format", format], options);
  expect([code, stdout.includes(line)]).toEqual([0, true]);
  const { documents } = await larder(["serve", "--json"], options);
  expect(documents[0]).toMatchObject({ url: "http://127.0.0.1:7420", hub_url: "http://127.0.0.1:7421" });
});

test.each<[string[], boolean]>([[[], false], [["--demo"], true]])(
  "serve %j offers a model to try: %p",
  async (args, demo) => {
    const stop = new AbortController();
    const asked: boolean[] = [];
    const parts = {
      serve: (_: unknown, options: ServeOptions) => {
        asked.push(options.demo);
        setTimeout(() => stop.abort("SIGTERM"), 0);
        const demoModel = options.demo ? { demoModel: "demo/iris" } : {};
        return Promise.resolve({
          url: "http://h:1",
          socketPath: "/s",
          ...demoModel,
          close: () => Promise.resolve(),
        });
      },
    };
    const { stdout } = await larder(["serve", "--log-format", "text", ...args], {
      parts,
      signal: stop.signal,
    });
    const line = "To try demo/iris: curl http://h:1/api/v1/predict -H 'content-type: application/json' " +
      `-d '{"model":"demo/iris","inputs":[[5.1,3.5,1.4,0.2]]}'\n`;
    expect([asked, stdout.includes(line)]).toEqual([[demo], demo]);
  },
);
