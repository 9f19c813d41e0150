import { expect, test } from "bun:test";
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
