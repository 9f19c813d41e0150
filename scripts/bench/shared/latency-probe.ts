import { connect } from "node:net";

const EVERY_MS = 2;

/** Asks over one connection, every 2 ms or as soon as the answer before is there. @returns Milliseconds per answer */
export async function probeLatencies(
  url: string,
  path: string,
  work: () => Promise<unknown>,
): Promise<number[]> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const latencies: number[] = [];
  let isDone = false;
  const asking = (async () => {
    while (!isDone) {
      const startMs = performance.now();
      await exchange(socket, `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
      latencies.push(performance.now() - startMs);
      await Bun.sleep(EVERY_MS);
    }
  })();
  try {
    await work();
  } finally {
    isDone = true;
    await asking;
    socket.destroy();
  }
  return latencies;
}

/** The answer is small and comes in one piece. */
function exchange(socket: ReturnType<typeof connect>, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      socket.off("data", onData).off("error", settle).off("close", onClose);
      if (error) reject(error);
      else resolve();
    };
    const onData = () => settle();
    const onClose = () => settle(new Error("The server closed the connection of the probe"));
    socket.on("data", onData).on("error", settle).on("close", onClose);
    socket.write(request);
  });
}
