/**
 * JSON text of plain data. Old libraries give arrays, and with them everything, a `toJSON` of their own, which makes the browser write
 * something else; so each object says first that it has none.
 */
export function encode(value: unknown): string {
  shield(value);
  return JSON.stringify(value);
}

function shield(value: any): void {
  if (!value || typeof value !== 'object' || value instanceof Date) return;
  Reflect.defineProperty(value, 'toJSON', { value: 0 });
  Object.values(value).forEach(shield);
}

/** The data in a JSON text, or undefined when it isn't JSON. */
export function decode(text: string | null): any {
  try {
    return JSON.parse(text!) ?? undefined;
  } catch {
    return undefined;
  }
}
