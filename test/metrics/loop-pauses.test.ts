import { expect, test } from "bun:test";
import { Metrics } from "../../src/metrics/index.ts";

const BLOCK_MS = 60;

function longestPauseS(text: string): number {
  return Number(/^larder_event_loop_pause_seconds\{quantile="1"\} (\S+)$/m.exec(text)?.[1]);
}

function block(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

test("the metrics tell of a pause of the event loop once, at the scrape after it", async () => {
  const metrics = new Metrics();
  expect(longestPauseS(await metrics.render())).toBe(0); // the first scrape starts the measuring
  await Bun.sleep(20);
  block(BLOCK_MS);
  await Bun.sleep(20);
  expect(longestPauseS(await metrics.render())).toBeGreaterThan(0.8 * BLOCK_MS / 1000);
  expect(longestPauseS(await metrics.render())).toBeLessThan(0.8 * BLOCK_MS / 1000);
});
