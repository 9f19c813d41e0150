import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Sends bytes as they are, so that nothing tidies a wrong request up, and reads until the server closes. */
export async function rawRequest(port: number, text: string): Promise<RawAnswer> {
  const socket = connect(port, "127.0.0.1");
  socket.write(Buffer.from(text, "latin1"));
  return parseAnswer(await readAll(socket));
}

/** `GET target` with the usual headers; the target goes out as it is. */
export function rawGet(port: number, target: string, ...headers: string[]): Promise<RawAnswer> {
  const lines = [`GET ${target} HTTP/1.1`, "Host: 127.0.0.1", "Connection: close", ...headers, "", ""];
  return rawRequest(port, lines.join("\r\n"));
}

export function readAll(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    socket.on("data", (part: Buffer) => parts.push(part));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(parts)));
  });
}

export function parseAnswer(bytes: Buffer): RawAnswer {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) throw new Error(`no whole head in ${JSON.stringify(bytes.toString("latin1").slice(0, 200))}`);
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    headers.append(line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1));
  }
  return { status: Number(first.split(" ")[1]), headers, body: bytes.subarray(end + 4) };
}
