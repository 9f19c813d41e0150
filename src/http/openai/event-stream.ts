import { HEARTBEAT_MS } from "../native/watch-stream.ts";

export interface EventStreamOptions {
  /** Each becomes one event. It must not throw: what failed is an event too. */
  readonly events: AsyncIterator<string>;
  /** Called when the client left before the end. */
  readonly onLeft: () => void;
  readonly heartbeatMs?: number;
}

/** A comment: readers of events pass it by. */
const HEARTBEAT = ":\n\n";

/**
 * Server-sent events, each made when the client has room for it. Where the next one takes long, a comment keeps the connection from
 * being taken for dead.
 *
 * @see WHATWG HTML, server-sent events. The texts hold no line break.
 */
export function eventStream(
  { events, onLeft, heartbeatMs = HEARTBEAT_MS }: EventStreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<string>> | undefined;
  return new ReadableStream({
    pull: async (controller) => {
      next ??= events.next();
      const event = await within(next, heartbeatMs);
      if (event === undefined) return controller.enqueue(encoder.encode(HEARTBEAT));
      next = undefined;
      if (event.done) controller.close();
      else controller.enqueue(encoder.encode(`data: ${event.value}\n\n`));
    },
    cancel: onLeft,
  }, { highWaterMark: 0 });
}

/** What the work gives, or undefined when it takes longer. */
async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
