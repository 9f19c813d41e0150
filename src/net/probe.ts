import { connect } from "node:net";

/**
 * Whether a connection to an address gets any reaction, a refusal included, before the signal aborts. `fetch` does not
 * tell a connection that is not made from an answer that is late; this does.
 */
export function reacts(address: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (reacted: boolean) => {
      signal.removeEventListener("abort", giveUp);
      socket.destroy();
      resolve(reacted);
    };
    const giveUp = () => end(false);
    socket.once("connect", () => end(true));
    socket.once("error", (error) => end(!("code" in error && error.code === "ETIMEDOUT")));
    signal.addEventListener("abort", giveUp, { once: true });
  });
}
