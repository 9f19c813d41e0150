import { LarderError, parseModelRef } from "../../core/index.ts";
import type { OptionChanges, OptionsChangeView, OptionsTarget, OptionsView } from "../../library/index.ts";
import { withApi } from "../session.ts";
import { formatTable, printable } from "../table.ts";
import { untilAborted } from "../until-aborted.ts";
import { addExample, gather, type Verb } from "../verb.ts";

interface OptionsInput {
  readonly unset?: readonly string[];
  readonly clear?: boolean;
  readonly apply: boolean;
}

export const options: Verb = (program, cli) => {
  const command = program.command("options")
    .description("show or set how a model is loaded and kept: for all its variants, or for one")
    .argument("<reference>", "model[:variant]")
    .argument("[setting...]", "key=value: threads=2, context_length=8192, keep_alive_s=600, pinned=true …")
    .option("--unset <key>", "take an option back; may be given again", gather)
    .option("--clear", "take back all that was set for exactly this")
    .option("--no-apply", "leave a loaded model as it is until its next load");
  addExample(
    command,
    "larder options iris",
    "larder options acme/tiny:Q4_K_M context_length=8192 threads=4",
    "larder options iris budget_weight=5 --unset threads",
  );
  command.action(cli.action<OptionsInput>(async (context, { args: [reference = "", ...given], options }) => {
    const target = parseModelRef(reference);
    const changes = changesOf(given.flat(), options);
    const view = await withApi(context, ({ api }) => {
      const asked = ask(target, changes, options, api.options);
      return untilAborted(context.signal, "set options", asked);
    });
    context.output.document(view);
    context.output.lines(describe(view));
  }));
};

function ask(
  target: OptionsTarget,
  changes: OptionChanges,
  { clear = false, apply }: OptionsInput,
  api: Parameters<Parameters<typeof withApi>[1]>[0]["api"]["options"],
): Promise<OptionsView | OptionsChangeView> {
  const how = apply ? {} : { apply };
  if (clear) return api.remove(target, how);
  return Object.keys(changes).length === 0 ? api.find(target) : api.set(target, changes, how);
}

/** @throws {LarderError} USAGE */
function changesOf(given: readonly string[], { unset = [], clear = false }: OptionsInput): OptionChanges {
  const set = given.map((setting) => {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(setting) ?? [];
    if (key !== undefined && value !== undefined) return [key, valueOf(value)] as const;
    throw new LarderError("USAGE", `Cannot read ${printable(setting)}: it is no key=value`, {
      field: "setting",
      hint: "Give, for example, threads=2.",
    });
  });
  const changes = [...set, ...unset.map((key) => [key, null] as const)];
  if (clear && changes.length > 0) {
    throw new LarderError("USAGE", "Cannot set options and --clear them at once", { field: "clear" });
  }
  return Object.fromEntries(changes);
}

/** Numbers and truths as such, everything else as it is written. */
function valueOf(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

function describe(view: OptionsView | OptionsChangeView): string[] {
  const names = Object.keys(view.in_force);
  const rows = names.map((name) => [name, String(view.in_force[name]), whose(view, name)]);
  return [
    ...(names.length === 0
      ? ["Nothing is set", `There are: ${view.allowed.join(", ")}`]
      : formatTable([{ title: "OPTION" }, { title: "VALUE" }, { title: "SET FOR" }], rows)),
    ..."applied" in view ? [`In force ${view.applied}`] : [],
  ];
}

function whose({ options, variant, in_force }: OptionsView, name: string): string {
  const isOwn = options[name] === in_force[name];
  if (variant === null) return isOwn ? "all variants" : "one variant";
  return isOwn ? `variant ${variant}` : "all variants";
}
