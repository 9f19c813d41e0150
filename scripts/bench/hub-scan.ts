import { createHash } from "node:crypto";
import { requestsText, startLarder } from "./hub-sides.ts";
import { HubProcess, requestsIn } from "./shared/hub-process.ts";
import { type HubFile, type HubRepository, hubRepository, largeHubFile } from "./shared/hub-repository.ts";
import { timed } from "./shared/processes.ts";
import { interleave } from "./shared/rounds.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";

const FILES = 1200;
const PAGES = 3;
const PARTS = 52;
const QUANTIZATIONS = [
  ...[
    "Q2_K",
    "Q2_K_L",
    "Q3_K_S",
    "Q3_K_M",
    "Q3_K_L",
    "Q3_K_XL",
    "Q4_0",
    "Q4_1",
    "Q4_K_S",
    "Q4_K_M",
    "Q4_K_L",
  ],
  ...[
    "Q5_0",
    "Q5_1",
    "Q5_K_S",
    "Q5_K_M",
    "Q5_K_L",
    "Q6_K",
    "Q6_K_L",
    "Q8_0",
    "IQ4_XS",
    "IQ4_NL",
    "BF16",
    "F16",
  ],
];
/** One for the commit, which brings what the hub knows of the model, and the pages. */
const REQUESTS = 1 + PAGES;
const OVER_MS_MAX = 50;
/** One takes milliseconds: a few more than of pulls. */
const ROUNDS_MIN = 9;

/** What finding variants, writing the answer down and giving it take beside waiting for the hub. */
export const hubScan: Bench = {
  name: "hub-scan",
  title: "Scan of a hub repository with 1,200 files over 3 pages",
  needs: [],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const repository = makeRepository();
  await using hub = await HubProcess.start(context, [repository]);
  await using server = await startLarder(context, hub.url);
  const scan = () => timed(() => scanOnce(server.url, repository));
  // The first ones also open connections and bring code into memory.
  await scan();
  await bareRequests(hub.url, repository);
  const requests: number[] = [];
  const { larder, peer } = await interleave({ ...context, pairs: Math.max(ROUNDS_MIN, context.pairs) }, {
    larder: async () => {
      let ms = Number.NaN;
      const counts = await hub.countDuring(async () => ms = await scan() * 1000);
      requests.push(requestsIn(counts));
      return ms;
    },
    peer: () => bareRequests(hub.url, repository),
  });
  const over = larder.map((ms, round) => ms - (peer[round] ?? Number.NaN));
  return [
    {
      what: `over the hub's own time, ${requestsText(requests, REQUESTS)}`,
      unit: "ms",
      larder: over,
      aim: { atMost: OVER_MS_MAX },
    },
    { what: "the whole scan", against: "the same requests, not looked at", unit: "ms", larder, peer },
  ];
}

/** A model so large that each quantization has many files, and of which the hub itself knows what it is. */
function makeRepository(): HubRepository {
  const parts = QUANTIZATIONS.flatMap((quantization) =>
    Array.from({ length: PARTS }, (_, index) => {
      const part = `${index + 1}`.padStart(5, "0");
      const path = `${quantization}/huge-instruct-${quantization}-${part}-of-${
        `${PARTS}`.padStart(5, "0")
      }.gguf`;
      return listedOnly(path);
    })
  );
  const common = ["README.md", ".gitattributes", "LICENSE", "imatrix.gguf"].map(listedOnly);
  const files = [...common, ...parts];
  if (files.length !== FILES) throw new Error(`The repository has ${files.length} files`);
  const entries = FILES + QUANTIZATIONS.length;
  return hubRepository("bench/huge-instruct-GGUF", files, {
    pageEntries: Math.ceil(entries / PAGES),
    said: {
      pipeline_tag: "text-generation",
      gguf: { total: 405_000_000_000, architecture: "llama", context_length: 131_072 },
    },
  });
}

function listedOnly(path: string): HubFile {
  return largeHubFile(path, { sizeBytes: 4 * GIB, sha256: createHash("sha256").update(path).digest("hex") });
}

async function scanOnce(larderUrl: string, { id, files }: HubRepository): Promise<void> {
  const answer = await fetch(`${larderUrl}/api/models/scan`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: id }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`The scan was answered with ${answer.status}: ${text.slice(0, 500)}`);
  const found = JSON.parse(text).files.length;
  if (found !== files.length) throw new Error(`The scan found ${found} of ${files.length} files`);
}

/** What a scan cannot do without, one after the other, and nothing done with it. @returns milliseconds */
async function bareRequests(hubUrl: string, { id, commit }: HubRepository): Promise<number> {
  const startMs = performance.now();
  await bareRequest(`${hubUrl}/api/models/${id}/revision/main`);
  let next: string | undefined = `${hubUrl}/api/models/${id}/tree/${commit}?recursive=true&expand=false`;
  while (next !== undefined) next = /<(.+)>; rel="next"/.exec(await bareRequest(next) ?? "")?.[1];
  return performance.now() - startMs;
}

/** @returns The header `Link`. */
async function bareRequest(url: string): Promise<string | null> {
  const answer = await fetch(url);
  await answer.arrayBuffer();
  return answer.headers.get("link");
}
