import { LarderError } from "../core/index.ts";

export interface ConfigErrorOptions {
  readonly hint?: string;
  readonly details?: Record<string, unknown>;
  readonly cause?: unknown;
}

/** @param field The key in its `larder.toml` form, or the name that is not known. */
export function configError(message: string, field: string, options: ConfigErrorOptions = {}): LarderError {
  return new LarderError("CONFIG", message, { field, ...options });
}

/** A value as an error may show it: a password or a query in an address could grant access. */
export function shown(value: unknown): string {
  return (JSON.stringify(withoutSecrets(value)) ?? String(value)).slice(0, 200);
}

export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "string") return value;
  return value.replace(/(:\/\/).*@/s, "$1…@").replace(/(:\/\/[^?#]*)[?#].*/s, "$1?…");
}

/** A token in a flag is seen by everybody who lists processes, one in a file by whoever gets a copy of it. */
export function secretRefused(label: string, key: string): LarderError {
  return configError(
    `Cannot use ${label}: a token belongs neither on a command line nor into a settings file`,
    key,
    {
      hint: "Run `larder token hub --set`, or set HF_TOKEN in the environment.",
    },
  );
}
