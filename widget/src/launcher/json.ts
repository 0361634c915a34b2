/**
 * JSON text of plain data. Our own because pages override `JSON.stringify`, and because old libraries give arrays and strings a
 * `toJSON` that makes the browser's own encoder write something else.
 */
export function encode(value: any): string {
  if (typeof value === 'string') return quote(value);
  if (Array.isArray(value)) return '[' + value.map(encode).join(',') + ']';
  if (value && typeof value === 'object') {
    const names = Object.keys(value).filter((name) => value[name] !== undefined);
    return '{' + names.map((name) => quote(name) + ':' + encode(value[name])).join(',') + '}';
  }
  return typeof value === 'boolean' || (typeof value === 'number' && isFinite(value)) ? '' + value : 'null';
}

/** A surrogate pair may be written as two escapes; a lone one must be, because UTF-8 cannot carry it. */
function quote(text: string): string {
  return '"' + text.replace(/["\\\u0000-\u001f\ud800-\udfff]/g, (c) => '\\u' + (65536 + c.charCodeAt(0)).toString(16).slice(1)) + '"';
}

/** The data in a JSON text, or undefined when it isn't JSON. */
export function decode(text: string | null): any {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
