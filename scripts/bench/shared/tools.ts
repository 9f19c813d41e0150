/** Debian keeps servers where the PATH of a plain user does not look. */
const FOLDERS = [process.env["PATH"], "/usr/local/sbin", "/usr/sbin", "/sbin"].filter(Boolean).join(":");

const DEBIAN_PACKAGE: Readonly<Record<string, string>> = { aria2c: "aria2", nginx: "nginx-light" };

/** The path of a program. @throws {Error} It is not installed. */
export function findTool(tool: string): string {
  const path = Bun.which(tool, { PATH: FOLDERS });
  if (path !== null) return path;
  throw new Error(`${tool} is needed: apt-get install ${DEBIAN_PACKAGE[tool] ?? tool}`);
}
