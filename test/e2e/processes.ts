/** Of the processes that it started and that still run. */
export async function childrenOf(pid: number): Promise<number[]> {
  const folder = `/proc/${pid}/task`;
  try {
    const paths = await Array.fromAsync(new Bun.Glob("*/children").scan({ cwd: folder }));
    const texts = await Promise.all(paths.map((path) => Bun.file(`${folder}/${path}`).text()));
    return texts.join(" ").split(" ").filter((child) => child.trim() !== "").map(Number);
  } catch {
    // A thread that ends between the two looks takes its folder along.
    return [];
  }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
