import { isIP } from "node:net";
import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { parsePercentage, type Share } from "../core/index.ts";
import { shown } from "./config-error.ts";

// Values arrive as text (flags, environment, quoted in the file) or as what the file's own syntax says. Every schema's one
// message is what is allowed; the loader adds the key, the value and where it came from.

export function integer(min: number, max: number) {
  const allowed = `an integer from ${min} to ${max}`;
  return z.preprocess(
    numberFromText,
    z.number({ error: allowed }).int(allowed).min(min, allowed).max(max, allowed),
  );
}

export function seconds(min: number, max: number) {
  const allowed = `seconds from ${min} to ${max}, fractions allowed`;
  return z.preprocess(numberFromText, z.number({ error: allowed }).min(min, allowed).max(max, allowed));
}

/** Bytes, with or without a unit; see {@link parseBytes}. */
export function bytes(min: number) {
  const allowed = `bytes as an integer of at least ${min}, or with a unit such as "50MB" or "1.5GiB"`;
  return z.preprocess(bytesFromText, z.number({ error: allowed }).int(allowed).min(min, allowed));
}

/** Bytes as {@link bytes} takes them, or a percentage of the file system: `80%`. */
export function share() {
  const allowed =
    'bytes as an integer of at least 0 or with a unit such as "50GB", or a percentage such as "80%"';
  return z.unknown().transform((given, context): Share => {
    const share = typeof given === "string" ? parsePercentage(given) : undefined;
    if (share !== undefined) return share;
    const bytes = bytesFromText(given);
    if (typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
    context.addIssue({ code: "custom", message: allowed });
    return z.NEVER;
  });
}

/** Yes or no, in the words that people use for it. */
export function yesNo() {
  const allowed = "true or false";
  return z.preprocess(
    (value) => typeof value === "string" ? WORDS.get(value.trim().toLowerCase()) ?? value : value,
    z.boolean({ error: allowed }),
  );
}

const WORDS: ReadonlyMap<string, boolean> = new Map([
  ...["true", "yes", "on", "1"].map((word) => [word, true] as const),
  ...["false", "no", "off", "0"].map((word) => [word, false] as const),
]);

export function choice<const T extends readonly [string, ...string[]]>(...values: T) {
  return z.enum(values, { error: `one of ${values.join(", ")}` });
}

/** A text that `read` understands. */
export function text(read: (text: string) => string | undefined, allowed: string) {
  return z.string({ error: allowed }).transform((given, context) => {
    const value = read(given);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: allowed });
    return z.NEVER;
  });
}

/** A comma-separated text or an array. */
export function list(item: (text: string) => string | undefined, allowed: string) {
  return z.preprocess(
    (value) => typeof value === "string" ? value.split(",").map((one) => one.trim()).filter(Boolean) : value,
    z.array(
      z.string({ error: allowed }).transform((text, context) => {
        const read = item(text);
        if (read !== undefined) return read;
        context.addIssue({ code: "custom", message: `${allowed}; ${shown(text)} is not` });
        return z.NEVER;
      }),
      { error: allowed },
    ).readonly(),
  );
}

/** An absolute path without "..", and without a slash at its end. */
export function absolutePath(text: string): string | undefined {
  const isPlain = isAbsolute(text) && !text.includes("\0") && !text.split("/").includes("..");
  return isPlain ? resolve(text) : undefined;
}

export const ADDRESS_ALLOWED = "an IP address or a host name, without port";

export function hostName(text: string): string | undefined {
  const name = text.toLowerCase();
  if (isIP(name) !== 0) return name;
  return HOST_NAME.test(name) ? name : undefined;
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*$/;

export const ORIGIN_ALLOWED = 'origins such as "http://10.0.0.5:8080", or "http://127.0.0.1:*" for any port';

const ORIGIN = /^(https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+))(?::(\d{1,5}|\*))?$/;

/** An origin in the form that `URL.origin` has; a port may be `*`. */
export function origin(text: string): string | undefined {
  const [, base = "", port] = ORIGIN.exec(text.toLowerCase()) ?? [];
  const url = base + (port === undefined || port === "*" ? "" : `:${port}`);
  if (!URL.canParse(url)) return undefined;
  return new URL(url).origin + (port === "*" ? ":*" : "");
}

export const ENDPOINT_ALLOWED =
  'an address such as "https://hub.example", without user name, password and query';

/** The address below which a hub answers, without a slash at its end. */
export function endpoint(text: string): string | undefined {
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== "" || url.password !== "" || /[?#]/.test(text)) return undefined;
  return url.href.replace(/\/+$/, "");
}

const UNIT: Readonly<Record<string, number>> = {
  "": 1,
  ...{ k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 },
};

/** Reads `1048576`, `50MB`, `50M`, `1.5GiB`: decimal and binary units. Undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?) ?((?:[kKMGT]i?)?)B?$/.exec(text.trim()) ?? [];
  const factor = UNIT[unit];
  if (amount === undefined || factor === undefined) return undefined;
  const size = Math.round(Number(amount) * factor);
  return Number.isSafeInteger(size) ? size : undefined;
}

function bytesFromText(value: unknown): unknown {
  return typeof value === "string" ? parseBytes(value) ?? value : value;
}

function numberFromText(value: unknown): unknown {
  return typeof value === "string" && /^-?\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : value;
}
