const WAIT_MS = 10_000;
const LOOK_MS = 5;

/** Looks again and again until it is so. @throws When it is not in time. */
export async function waitUntil(isSo: () => boolean | Promise<boolean>, withinMs = WAIT_MS): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`Waited ${withinMs} ms in vain`);
    await Bun.sleep(LOOK_MS);
  }
}
