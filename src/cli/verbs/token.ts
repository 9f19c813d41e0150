import { type Command, InvalidArgumentError, Option } from "commander";
import { type Scope, SCOPES, type TokenView } from "../../library/index.ts";
import { formatTime, parseDuration } from "../format.ts";
import { withApi } from "../session.ts";
import { formatTable } from "../table.ts";
import { addExample, type Cli, type Verb } from "../verb.ts";
import { addHub } from "./token-hub.ts";

interface CreateOptions {
  readonly name: string;
  readonly scope?: readonly Scope[];
  readonly expires?: string;
}

export const token: Verb = (program, cli) => {
  const command = program.command("token")
    .description(
      "tokens for clients, without which the API answers nobody once there is one; and the token for the hub",
    );
  addExample(command, "larder token create --name laptop --scope read --scope pull --expires 30d");
  addCreate(command, cli);
  addList(command, cli);
  addRemove(command, cli);
  addHub(command, cli);
};

function addCreate(parent: Command, cli: Cli): void {
  const command = parent.command("create").description(
    "make a token; it is printed once and kept as a digest only",
  )
    .requiredOption("--name <name>", "whom it is for")
    .addOption(
      new Option("--scope <scope>", "what it may do; may be repeated (default: read)").choices(SCOPES)
        .argParser<readonly Scope[]>(gatherScope),
    )
    .option("--expires <time>", "for how long it is good, such as 12h or 30d (default: for ever)");
  addExample(command, "larder token create --name laptop --scope read --scope pull --expires 30d");
  command.action(cli.action<CreateOptions>(async (context, { options }) => {
    const created = await withApi(context, ({ api }) =>
      api.createToken({
        name: options.name,
        scopes: options.scope ?? ["read"],
        ...(options.expires === undefined
          ? {}
          : { expires_in_s: parseDuration(options.expires, "--expires") }),
      }));
    context.output.document(created);
    context.output.line(created.token ?? "");
    context.output.note(`Token ${created.id} may ${created.scopes.join(", ")}. It is not shown again.`);
  }));
}

function gatherScope(value: string, before: readonly Scope[] = []): readonly Scope[] {
  const scope = SCOPES.find((one) => one === value);
  if (scope === undefined) throw new InvalidArgumentError(`Allowed are ${SCOPES.join(", ")}.`);
  return before.includes(scope) ? before : [...before, scope];
}

function addList(parent: Command, cli: Cli): void {
  const command = parent.command("list").description("list tokens, without their secrets");
  addExample(command, "larder token list");
  command.action(cli.action(async (context) => {
    const tokens = await withApi(context, ({ api }) => api.listTokens());
    context.output.document({ tokens });
    context.output.lines(formatTable(
      ["ID", "NAME", "SCOPES", "CREATED", "EXPIRES"].map((title) => ({ title })),
      tokens.map(row),
    ));
  }));
}

function row(one: TokenView): string[] {
  const expires = one.expires_at === null ? "never" : formatTime(one.expires_at);
  return [one.id, one.name, one.scopes.join(","), formatTime(one.created_at), expires];
}

function addRemove(parent: Command, cli: Cli): void {
  const command = parent.command("remove").description("remove a token; it is refused from now on").argument(
    "<id>",
  );
  addExample(command, "larder token remove 3f9c2a");
  command.action(cli.action(async (context, { args: [id = ""] }) => {
    await withApi(context, ({ api }) => api.removeToken(id));
    context.output.document({ id, removed: true });
    context.output.line(`Removed token ${id}`);
  }));
}
