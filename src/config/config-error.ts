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

export function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 200);
}
