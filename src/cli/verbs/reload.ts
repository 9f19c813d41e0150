import { formatModelRef, parseModelRef } from "../../core/index.ts";
import type { ReloadRequest, ReloadView } from "../../library/index.ts";
import { EXIT, EXIT_OF } from "../exit-codes.ts";
import { parseInputs } from "../inputs.ts";
import { formatTable } from "../table.ts";
import { untilAborted } from "../until-aborted.ts";
import { addExample, type Verb } from "../verb.ts";
import { withServer } from "../with-server.ts";

export const reload: Verb = (program, cli) => {
  const command = program.command("reload")
    .description(
      "bring one or all models in a running server's memory up to date; the old one serves until the new one is ready",
    )
    .argument("[reference]", "model[@version-or-alias][:variant]; all that are loaded when absent")
    .option("--probe <inputs>", "JSON that the new one must have an answer to");
  addExample(command, "larder reload iris", "larder reload iris --probe '[[5.1, 3.5, 1.4, 0.2]]'");
  command.action(cli.action<{ probe?: string }>(async (context, { args: [reference], options }) => {
    const request: ReloadRequest = {
      ...(reference === undefined ? {} : parseModelRef(reference)),
      ...(options.probe === undefined ? {} : { probe: parseInputs(options.probe, "--probe") }),
    };
    const { signal, output } = context;
    const view = await withServer(
      context,
      ({ models }) => untilAborted(signal, "reload", models.reload(request, { signal })),
    );
    output.document(view);
    output.lines(describe(view));
    for (const { error, ...key } of view.failed) {
      output.note(`${formatModelRef(key)} failed: ${error.message}`);
    }
    const [failure] = view.failed;
    return failure === undefined ? EXIT.done : EXIT_OF[failure.error.code];
  }));
};

function describe({ reloaded, failed }: ReloadView): string[] {
  if (reloaded.length === 0) return failed.length === 0 ? ["Nothing is loaded"] : [];
  const columns = [{ title: "MODEL" }, { title: "FROM" }, { title: "TO" }, {
    title: "MS",
    align: "right",
  }] as const;
  return formatTable(
    columns,
    reloaded.map((
      { model, variant, from, to, ms },
    ) => [formatModelRef({ model, variant }), from, to, String(ms)]),
  );
}
