import { test } from "bun:test";

const DEBIAN_PACKAGE: Readonly<Record<string, string>> = {
  aria2c: "aria2",
  curl: "curl",
  nginx: "nginx-light",
  openssl: "openssl",
  ps: "procps",
  sqlite3: "sqlite3",
  strace: "strace",
};

/**
 * A test that needs programs of the system. Where one is missing the test is skipped and its name says what to install;
 * with `LARDER_TEST_REQUIRE_TOOLS=1`, as in `.ci/run`, it fails instead.
 */
export function testWith(
  tools: readonly string[],
  name: string,
  work: () => void | Promise<unknown>,
  timeoutMs?: number,
): void {
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) return test(name, work, timeoutMs);
  const hint = `needs ${missing.join(", ")}: apt-get install ${missing.map(packageOf).join(" ")}`;
  if (process.env["LARDER_TEST_REQUIRE_TOOLS"] !== "1") return test.skip(`${name} (${hint})`, work);
  test(name, () => {
    throw new Error(`Cannot test: ${hint}`);
  });
}

/** The path of a program; Debian keeps servers such as nginx where the PATH of a plain user does not look. */
export function findTool(tool: string): string | undefined {
  const folders = [process.env["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"].filter(Boolean);
  return Bun.which(tool, { PATH: folders.join(":") }) ?? undefined;
}

function packageOf(tool: string): string {
  return DEBIAN_PACKAGE[tool] ?? tool;
}
