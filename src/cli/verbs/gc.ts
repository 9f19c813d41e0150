import { formatModelRef } from "../../core/index.ts";
import type { GcResult } from "../../library/index.ts";
import { followJob } from "../follow-job.ts";
import { formatBytes, parseDuration, plural } from "../format.ts";
import { withApi } from "../session.ts";
import { printable } from "../table.ts";
import { addExample, type Verb } from "../verb.ts";

interface GcOptions {
  readonly dryRun?: boolean;
  readonly grace?: string;
}

export const gc: Verb = (program, cli) => {
  const command = program.command("gc").description(
    "delete what nothing points to, and variants for which the disk budget has no room",
  )
    .option("--dry-run", "only say what would go")
    .option("--grace <time>", "leave what is younger, such as 30m or 2d (default: 1h)");
  addExample(command, "larder gc --dry-run --grace 1d");
  command.action(cli.action<GcOptions>(async (context, { options }) => {
    const request = {
      dry_run: options.dryRun === true,
      ...(options.grace === undefined ? {} : { grace_s: parseDuration(options.grace, "--grace") }),
    };
    const job = await withApi(
      context,
      async (session) => await followJob(context, session, await session.api.gc(request)),
    );
    const { blobs, parts, bytes_freed, dry_run, digests, evicted } = job.result as GcResult;
    if (dry_run) context.output.lines(digests);
    context.output.lines(
      evicted.map(({ bytes, reason, ...variant }) =>
        `${formatModelRef(variant)}: ${formatBytes(bytes)}, ${printable(reason)}`
      ),
    );
    context.output.line(
      `${dry_run ? "Would delete" : "Deleted"} ${plural(blobs, "blob")} and ${
        plural(parts, "partial download")
      }, ` +
        formatBytes(bytes_freed),
    );
    if (evicted.length > 0) {
      const bytes = evicted.reduce((sum, one) => sum + one.bytes, 0);
      const variants = plural(evicted.length, "variant");
      context.output.line(
        `${dry_run ? "Would take" : "Took"} ${variants} off the disk to keep its budget, ${
          formatBytes(bytes)
        }`,
      );
    }
  }));
};
