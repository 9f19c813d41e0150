import { expect, test } from "bun:test";
import { chmod, cp, mkdir, readdir, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { tempFolder } from "../helpers/temp-folder.ts";

const SETUP = resolve(import.meta.dir, "../../scripts/setup.sh");
/** All that the script may count on beside a way to get Bun. */
const SYSTEM = ["sh", "bash", "cat", "mkdir", "mv", "rm", "ln", "cp"];

// Stand-ins for what a fresh machine may have. Each brings the Bun that runs this test as a link.
const OTHER_BUN = `#!/bin/sh
case $1 in
  --version) echo 1.0.0 ;;
  add) mkdir -p node_modules/@oven/bun-this/bin && ln -s "${process.execPath}" node_modules/@oven/bun-this/bin/bun ;;
esac`;
const NPM = `#!/bin/sh
[ "$1 $2" = "install --prefix" ] || exit 1
mkdir -p "$3/node_modules/@oven/bun-this/bin" && ln -s "${process.execPath}" "$3/node_modules/@oven/bun-this/bin/bun"`;
const CURL = `#!/bin/sh
while [ "$1" != -o ]; do shift; done
cat >"$2" <<'INSTALLER'
[ "$1 $SHELL" = "bun-v${Bun.version} sh" ] || exit 1
mkdir -p "$BUN_INSTALL/bin" && ln -s "${process.execPath}" "$BUN_INSTALL/bin/bun"
INSTALLER`;
const BROKEN = "#!/bin/sh\necho broken >&2; exit 1";

/** Runs the set-up in a checkout of its own whose path has a space, on a machine that has nothing but `programs`. */
async function setUp(programs: Record<string, string>) {
  await using folder = await tempFolder();
  const root = join(folder.path, "my checkout");
  const bin = join(folder.path, "bin");
  await mkdir(bin);
  for (const tool of SYSTEM) await symlink(Bun.which(tool) ?? tool, join(bin, tool));
  for (const [name, text] of Object.entries(programs)) {
    await Bun.write(join(bin, name), text);
    await chmod(join(bin, name), 0o755);
  }
  await Bun.write(join(root, ".bun-version"), `${Bun.version}\n`);
  await cp(SETUP, join(root, "scripts/setup.sh"));
  const env = { PATH: bin, HOME: folder.path };
  const command = ["sh", "-euc", `root=$1; . "$root/scripts/setup.sh"; "$bun" --version`, "sh", root];
  const run = Bun.spawnSync([join(bin, "sh"), ...command.slice(1)], { cwd: folder.path, env });
  return {
    exitCode: run.exitCode,
    version: run.stdout.toString().trim(),
    said: run.stderr.toString(),
    // Nothing of the way there is left, in the checkout or outside of it.
    tools: await readdir(join(root, ".tools")).catch(() => []),
    home: (await readdir(folder.path)).sort(),
  };
}

const WAYS: readonly (readonly [way: string, programs: Record<string, string>])[] = [
  ["another Bun", { bun: OTHER_BUN }],
  ["npm", { npm: NPM }],
  ["curl", { curl: CURL }],
  ["npm where another Bun fails", { bun: BROKEN, npm: NPM }],
  ["curl where npm fails", { npm: BROKEN, curl: CURL }],
];

for (const [way, programs] of WAYS) {
  test(`setup.sh brings the pinned Bun into the checkout by ${way}`, async () => {
    expect(await setUp(programs)).toMatchObject({
      exitCode: 0,
      version: Bun.version,
      said: expect.stringContaining(`larder: bringing Bun ${Bun.version} with`),
      tools: [`bun-${Bun.version}`],
      home: ["bin", "my checkout"],
    });
  });
}

test("setup.sh keeps the Bun that another run brought in the meantime", async () => {
  const other = `mkdir -p "$3/../bun-${Bun.version}" && cp "$0" "$3/../bun-${Bun.version}/bun"`;
  // Taken for Bun, it answers with the version and says that it is the one of the other run.
  const npm = `#!/bin/sh\n[ "$1" != --version ] || { echo ${Bun.version}; echo other >&2; exit; }\n`;
  const { exitCode, said } = await setUp({ npm: `${npm}${other}\n${NPM.replace("#!/bin/sh\n", "")}` });
  expect(exitCode).toBe(0);
  expect(said).toEndWith("other\n");
});

test("setup.sh takes a Bun of the pinned version as it is and says nothing", async () => {
  const bun = `#!/bin/sh\nexec "${process.execPath}" "$@"`;
  expect(await setUp({ bun })).toMatchObject({ exitCode: 0, version: Bun.version, said: "", tools: [] });
});

test("setup.sh says what to install when there is no way to bring Bun", async () => {
  expect(await setUp({})).toMatchObject({
    exitCode: 1,
    said: expect.stringMatching(
      /^larder: Bun \S+ is needed and could not be brought: install it, or npm, or curl/,
    ),
    tools: [],
  });
});
