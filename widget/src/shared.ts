/** The one object that the loader, made first, shares with the chunks that arrive later. */
export const SHARED = Symbol.for('opencom.widget');

/** A call of the public API: the method's name and its arguments. */
export type Call = [method: string, ...args: unknown[]];

export interface Shared {
  /** Calls made before the launcher arrived, oldest first. */
  queue: Call[];
  /** Set by the launcher: takes every later call. */
  handle?: (call: Call) => unknown;
  /** Address of the loader script: chunks and the default API base follow from it. */
  source: string;
  /** `data-opencom-*` attributes of the loader's script element. */
  dataset: Record<string, string | undefined>;
}

/** The shared object; only code that the loader started can call this. */
export function shared(): Shared {
  return (globalThis as unknown as Record<symbol, Shared>)[SHARED]!;
}
