import type { DamageView, UpkeepRequest, VerifyResult } from "../../library/index.ts";
import { EXIT } from "../exit-codes.ts";
import { followJob } from "../follow-job.ts";
import { formatBytes, plural } from "../format.ts";
import { withApi } from "../session.ts";
import { addExample, type Verb } from "../verb.ts";

const CHUNKS_SHOWN = 20;

export const verify: Verb = (program, cli) => {
  const command = program.command("verify")
    .description("read blobs and compare their digests; exit code 76 when one is damaged or missing")
    .argument("[target...]", "references or digests; without any, everything");
  addExample(command, "larder verify iris@1.2.0");
  command.action(cli.action(async (context, { args }) => {
    const job = await withApi(
      context,
      async (session) => await followJob(context, session, await session.api.verify(targetsOf(args))),
    );
    const { blobs, bytes, damaged } = job.result as VerifyResult;
    context.output.lines(damaged.flatMap(describe));
    context.output.line(
      damaged.length === 0
        ? `${plural(blobs, "blob")}, ${formatBytes(bytes)}: all intact`
        : `${damaged.length} of ${
          plural(blobs, "blob")
        } damaged. \`larder repair\` fetches what is bad again.`,
    );
    return damaged.length === 0 ? EXIT.done : EXIT.integrity;
  }));
};

/** A variadic argument comes as one array; an empty one means everything. */
export function targetsOf(args: readonly unknown[]): UpkeepRequest {
  const targets = args.flat().filter((target): target is string => typeof target === "string");
  return targets.length === 0 ? {} : { targets };
}

function describe(damage: DamageView): string[] {
  const chunks = damage.bad_chunks.slice(0, CHUNKS_SHOWN).join(", ") +
    (damage.bad_chunks.length > CHUNKS_SHOWN ? ", …" : "");
  const what = damage.state === "missing"
    ? "missing"
    : `damaged, chunk${damage.bad_chunks.length === 1 ? "" : "s"} ${chunks} of ${damage.chunk_count}`;
  return [`${damage.sha256}  ${what}`, ...damage.used_by.map((name) => `  used by ${name}`)];
}
