// deno-lint-ignore-file no-console
import { dirname, relative, resolve, sep } from "node:path";

type Rule = { readonly line: number; readonly mayImport: readonly string[] };

const LINE_2 = ["registry", "store", "download", "hub", "cache", "runtimes", "cluster"];
const EVERYTHING = [
  "core",
  "config",
  "metrics",
  "net",
  ...LINE_2,
  "library",
  "preload",
  "demo",
  "http",
  "cli",
  "dashboard",
];

/** Who may import whom. A higher line knows the lower ones and is unknown to them. */
const HOUSE: Readonly<Record<string, Rule>> = {
  "core": { line: 0, mayImport: [] },
  "config": { line: 1, mayImport: ["core"] },
  "metrics": { line: 1, mayImport: ["core"] },
  "net": { line: 1, mayImport: ["core", "metrics"] },
  "registry": { line: 2, mayImport: ["core", "metrics"] },
  "store": { line: 2, mayImport: ["core", "metrics"] },
  "download": { line: 2, mayImport: ["core", "metrics", "net"] },
  "hub": { line: 2, mayImport: ["core", "metrics", "net"] },
  "cache": { line: 2, mayImport: ["core", "metrics"] },
  "runtimes": { line: 2, mayImport: ["core", "metrics"] },
  "cluster": { line: 2, mayImport: ["core", "metrics"] },
  "library": { line: 3, mayImport: ["core", "metrics", ...LINE_2.filter((folder) => folder !== "cluster")] },
  "preload": { line: 4, mayImport: ["core", "metrics", "library"] },
  "demo": { line: 4, mayImport: ["core", "library"] },
  "http": { line: 5, mayImport: ["core", "config", "metrics", "library", "preload"] },
  "cli": { line: 5, mayImport: ["core", "config", "library", "preload"] },
  "dashboard": { line: 5, mayImport: ["core"] },
  "wire.ts": { line: 6, mayImport: EVERYTHING },
  "main.ts": { line: 6, mayImport: [...EVERYTHING, "wire.ts"] },
};

/** Every breach below `src`, as `file: what is wrong`; empty when the house stands. */
export async function findBreaches(src: string): Promise<string[]> {
  const breaches: string[] = [];
  for await (const file of new Bun.Glob("**/*.{ts,tsx}").scan(src)) {
    if (file.endsWith(".d.ts")) continue;
    const room = roomOf(file);
    const rule = HOUSE[room];
    if (!rule) {
      breaches.push(`${file}: ${room} has no place in the house`);
      continue;
    }
    const source = await Bun.file(resolve(src, file)).text();
    const say = (what: string) => breaches.push(`${file}: ${what}`);
    for (const { target, isType } of relativeImports(source, file)) {
      const breach = judge(room, rule, relative(src, resolve(src, dirname(file), target)), isType);
      if (breach) say(breach);
    }
    for (const [, owner] of source.matchAll(/\bspawnWorker\(\s*"([^/"]+)/g)) {
      if (owner !== room) say(`${room} may not start a worker of ${owner}`);
    }
  }
  return breaches.sort();
}

/** The transpiler leaves imports out that exist for types only; what the text has beyond its list is a type import. */
function relativeImports(source: string, file: string): { target: string; isType: boolean }[] {
  const transpiler = new Bun.Transpiler({ loader: file.endsWith("x") ? "tsx" : "ts" });
  const values = new Set(transpiler.scanImports(source).map((found) => found.path));
  const inText = [...source.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]*)"/g)].map((match) =>
    match[1] ?? ""
  );
  return [...new Set([...values, ...inText])]
    .filter((target) => target.startsWith("."))
    .map((target) => ({ target, isType: !values.has(target) }));
}

function judge(room: string, rule: Rule, path: string, isType: boolean): string | undefined {
  const other = roomOf(path);
  const otherRule = HOUSE[other];
  if (other === room) return undefined;
  if (!otherRule) return `imports ${path}, which has no place in the house`;
  const allowed = rule.mayImport.includes(other) || (isType && otherRule.line <= rule.line);
  if (!allowed) return `${room} may not import ${isType ? "a type" : "a value"} from ${other}`;
  const isDoor = path === `${other}/index.ts` || path === "wire.ts" ||
    (isType && path === `${other}/types.ts`);
  return isDoor ? undefined : `imports ${path}; outside of ${other} only its index.ts is known`;
}

function roomOf(path: string): string {
  return path.split(sep)[0] ?? path;
}

if (import.meta.main) {
  const src = resolve(process.argv[2] ?? resolve(import.meta.dir, "../src"));
  const breaches = await findBreaches(src);
  for (const breach of breaches) console.error(breach);
  if (breaches.length > 0) process.exit(1);
}
