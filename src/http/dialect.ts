import type { Exchange } from "./exchange.ts";

/** One language of requests and answers: its routes, and the form of its errors. */
export interface Dialect {
  /**
   * Answers a request that the guards for all addresses have let in.
   *
   * @param path The path of the address, still encoded.
   * @throws {LarderError} and NoRouteError, now or later: {@link refuse} makes them answers.
   */
  answer(request: Request, path: string, exchange: Exchange): Response | Promise<Response>;
  /**
   * An error as an answer. Anything but a {@link LarderError} and a NoRouteError is a bug: the client learns only that.
   *
   * @param path Of the request, still encoded: what speaks several dialects tells them apart by it.
   */
  refuse(error: unknown, requestId: string, path: string): Response;
  /** Routes that are asked all the time or by the thousand: they are worth a line only when somebody looks closely. */
  isQuiet(route: string): boolean;
  /** Gives memory and open files back; called when nothing is being answered any more. */
  close(): void;
}
