import { availableParallelism } from "node:os";
import type { VerifyResult } from "../../src/library/types.ts";
import { type DataFile, warm } from "./shared/data-files.ts";
import { LarderServer } from "./shared/larder-server.ts";
import { timed } from "./shared/processes.ts";
import { interleave } from "./shared/rounds.ts";
import { findTool } from "./shared/tools.ts";
import { type Bench, type BenchContext, GIB, type Row } from "./shared/types.ts";

/** Reads everything again and compares digests; what openssl reads are the very same files (hard links). */
export const verify: Bench = {
  name: "verify",
  title: "Verify of 4 GiB",
  needs: ["openssl", "xargs"],
  run,
};

async function run(context: BenchContext): Promise<Row[]> {
  const files = [0, 1, 2, 3].map((index) => context.data.ensure(`verify-${index}`, context.size(GIB)));
  const one = context.data.ensure("memory-4", context.size(4 * GIB));
  await using server = await LarderServer.start(context);
  for (const [index, { path }] of files.entries()) await server.importLinked(path, `bench/four-${index}`);
  await server.importLinked(one.path, "bench/one");
  warm([...files, one]);
  const four = await interleave(context, {
    larder: () => larderVerify(server, files),
    peer: () => opensslDigests(context, files),
  });
  const whole = await interleave(context, {
    larder: () => larderVerify(server, [one]),
    peer: () => opensslDigests(context, [one]),
  });
  const against = `openssl dgst, ${availableParallelism()} processes`;
  return [
    { what: "4 blobs of 1 GiB", against, unit: "s", ...four, aim: { atMost: 0.95 } },
    { what: "1 blob of 4 GiB", against: "openssl dgst, 1 process", unit: "s", ...whole },
  ];
}

function larderVerify(server: LarderServer, files: readonly DataFile[]): Promise<number> {
  return timed(async () => {
    const { result } = await server.job("verify", { targets: files.map(({ sha256 }) => sha256) });
    const { intact } = result as VerifyResult;
    if (intact !== files.length) throw new Error(`Verify found ${intact} of ${files.length} blobs intact`);
  });
}

function opensslDigests({ processes }: BenchContext, files: readonly DataFile[]): Promise<number> {
  const command = `printf '%s\\0' "$@" | xargs -0 -n 1 -P ${availableParallelism()} '${
    findTool("openssl")
  }' dgst -sha256`;
  return timed(async () => {
    const output = await processes.run(["sh", "-c", command, "sh", ...files.map(({ path }) => path)]);
    const wrong = files.find(({ sha256 }) => !output.includes(sha256));
    if (wrong) throw new Error(`openssl found another digest for ${wrong.path}`);
  });
}
