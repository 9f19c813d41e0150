import { type HttpAnswer, HttpConnection } from "./http-connection.ts";

const OPEN_FIRST = 16;
const TICK_MS = 1;

/** Times are those of `performance.now()`. */
export interface Answered extends HttpAnswer {
  readonly sentMs: number;
  readonly answeredMs: number;
}

export interface SteadyRequests {
  readonly url: string;
  readonly path: string;
  readonly json: string;
  readonly perSecond: number;
  readonly seconds: number;
}

/**
 * Sends the same at a steady pace, whether or not what was sent before is answered: a server that stands still is asked all the
 * same, and what waits meanwhile counts. A broken connection is an answer of status 0.
 */
export async function steadyRequests(
  { url, path, json, perSecond, seconds }: SteadyRequests,
): Promise<readonly Answered[]> {
  const total = perSecond * seconds;
  const free = await Promise.all(Array.from({ length: OPEN_FIRST }, () => HttpConnection.open(url)));
  const sent: Promise<Answered>[] = [];
  const one = async (): Promise<Answered> => {
    const sentMs = performance.now();
    try {
      const connection = takeOpen(free) ?? await HttpConnection.open(url);
      const answer = await connection.post(path, json);
      free.push(connection);
      return answered(answer, sentMs);
    } catch (error) {
      return answered({ status: 0, body: String(error), ms: Number.NaN }, sentMs);
    }
  };
  const startMs = performance.now();
  while (sent.length < total) {
    const due = Math.min(total, (performance.now() - startMs) * perSecond / 1000);
    while (sent.length < due) sent.push(one());
    await Bun.sleep(TICK_MS);
  }
  const answers = await Promise.all(sent);
  for (const connection of free) connection[Symbol.dispose]();
  return answers;
}

/** The server closes one that is not used for long. */
function takeOpen(free: HttpConnection[]): HttpConnection | undefined {
  for (let one = free.pop(); one !== undefined; one = free.pop()) if (one.isOpen) return one;
  return undefined;
}

/** With the time that a new connection took. */
function answered(answer: HttpAnswer, sentMs: number): Answered {
  const answeredMs = performance.now();
  return { ...answer, sentMs, answeredMs, ms: answeredMs - sentMs };
}
