const ANSWER_MS = 20_000;
const POLL_MS = 1;

/** Asks a server that is starting until it answers well. @returns the answer's text @throws {Error} It did not. */
export async function firstAnswer(
  url: string,
  child: Bun.Subprocess,
  request: RequestInit = {},
): Promise<string> {
  const deadlineMs = performance.now() + ANSWER_MS;
  while (child.exitCode === null && performance.now() < deadlineMs) {
    // Nobody listens yet: refused is the expected answer until the deadline.
    const answer = await fetch(url, request).catch(() => undefined);
    const text = await answer?.text();
    if (answer?.ok) return text ?? "";
    await Bun.sleep(POLL_MS);
  }
  throw new Error(`No answer at ${url}; exit code ${child.exitCode}`);
}

export function freePort(): number {
  const probe = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { port = 0 } = probe;
  void probe.stop(true);
  return port;
}
