/** A row with every `null` left out: an absent column becomes an absent property. */
export type Stored<T> = { readonly [K in keyof T]: T[K] | (undefined extends T[K] ? null : never) };

export function withoutNulls<T extends object>(row: Stored<T>): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T;
}
