import { LarderError } from "./errors.ts";

const ADDRESS_LENGTH_MAX = 8192;

/** Query keys of addresses that carry a right of access: S3, Google, CloudFront, Azure, and plain tokens. */
const SECRET_KEY =
  /^(?:x-amz-.*|x-goog-.*|awsaccesskeyid|signature|expires|policy|key-pair-id|googleaccessid|sig|se|sp|sv|sr|st|skoid|sktid|skt|ske|sks|skv|token|access_token|auth|authorization|api_?key|key|secret|password|jwt)$/i;

/**
 * Reads an address that a user, a client or a server gave. Only `http:` and `https:`, without user name and password.
 *
 * @throws {LarderError} BAD_SOURCE
 */
export function parseAddress(text: string, field = "urls"): URL {
  const url = text.length <= ADDRESS_LENGTH_MAX && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw badSource(field, "it is not an absolute address");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw badSource(field, `its scheme is ${url.protocol}`);
  }
  if (url.username !== "" || url.password !== "") throw badSource(field, "it holds a user name or password");
  url.hash = "";
  return url;
}

/** Query keys of signatures over the path: the same object has another one each time. */
const SIGNATURE_KEY =
  /^(?:x-amz-.*|x-goog-.*|awsaccesskeyid|signature|expires|policy|key-pair-id|googleaccessid)$/i;

/**
 * What makes an address the address of its bytes: without a signature, which is a new one each time, but with every other parameter,
 * a token included, since that may be all that tells two files apart. Never shown; stored only as a digest.
 */
export function addressIdentity(address: string): string {
  const url = new URL(address);
  url.hash = "";
  for (const key of [...url.searchParams.keys()]) if (SIGNATURE_KEY.test(key)) url.searchParams.delete(key);
  return url.href;
}

function badSource(field: string, reason: string): LarderError {
  return new LarderError("BAD_SOURCE", `Cannot use this address as a source: ${reason}`, {
    field,
    hint: "Give an absolute https:// address without user name and password.",
  });
}

/** An address as it may be shown or stored: no fragment, no credentials, no query that grants access. */
export function redactAddress(address: string | URL): string {
  if (!URL.canParse(String(address))) return "(unreadable address)";
  const url = new URL(address);
  url.hash = url.username = url.password = "";
  if (holdsSecret(url)) url.search = "";
  return url.href;
}

/** True when storing the address without its query would lose the right to fetch it. */
export function holdsSecret(url: URL): boolean {
  return [...url.searchParams.keys()].some((key) => SECRET_KEY.test(key));
}
