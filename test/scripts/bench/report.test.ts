import { expect, test } from "bun:test";
import { replaceResults, report } from "../../../scripts/bench/report.ts";

const RESULT = {
  name: "pull-curl",
  title: "Pull of 2 GiB",
  started_at: "2026-01-02T03:04:05.678Z",
  took_s: 12.3,
  pairs: 3,
  quick: true,
  load_before: 0.5,
  environment: { machine: { cores: "2" }, versions: { curl: "8.0.0" } },
  rows: [{
    what: "a",
    against: "curl",
    unit: "s",
    larder: [3, 1, 2],
    peer: [4, 4, 4],
    aim: { atMost: 0.75 },
  }],
} as const;

test("report() gives each bench its command, its table, the machine and the versions", () => {
  const text = report([RESULT]);
  expect(text).toContain("`./scripts/bench/run pull-curl`");
  expect(text).toContain("an eighth of the size");
  expect(text).toContain(
    "| a | curl | 2.00 s (1.00–3.00) | 4.00 s (4.00–4.00) | 0.50 | 0.50 | ≤ 0.75 | met |",
  );
  expect(text).toContain("cores 2");
  expect(text).toContain("curl 8.0.0");
});

test("replaceResults() changes what is between the marks and nothing else", () => {
  const marks = ["<!-- results: begin -->", "<!-- results: end -->"] as const;
  const document = `# Before\n${marks[0]}\nold\n${marks[1]}\nafter\n`;
  expect(replaceResults(document, "new")).toBe(`# Before\n${marks[0]}\n\nnew\n\n${marks[1]}\nafter\n`);
  expect(() => replaceResults("# Nothing", "new")).toThrow("Cannot find");
});
