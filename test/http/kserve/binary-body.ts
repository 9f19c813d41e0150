export interface BinaryBody {
  readonly head: Record<string, unknown>;
  readonly binary: Buffer;
}

/** A request of JSON with bytes behind it, as clients of the binary extension send it. */
export function binaryRequest(
  head: unknown,
  binary: Uint8Array,
  headers: Record<string, string> = {},
): RequestInit {
  const json = Buffer.from(JSON.stringify(head));
  return {
    method: "POST",
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(json.length),
      ...headers,
    },
    body: Buffer.concat([json, binary]),
  };
}

/** The two parts of an answer, by the length in its header. */
export async function binaryAnswer(response: Response): Promise<BinaryBody> {
  const length = Number(response.headers.get("inference-header-content-length"));
  const body = Buffer.from(await response.arrayBuffer());
  return {
    head: JSON.parse(body.subarray(0, length).toString()) as Record<string, unknown>,
    binary: body.subarray(length),
  };
}
