/** A version 4 UUID; `crypto.randomUUID` is missing on pages without TLS. */
export function uuid(): string {
  const made = crypto.getRandomValues(new Uint8Array(16));
  made[6] = (made[6]! & 15) | 64;
  made[8] = (made[8]! & 63) | 128;
  let text = '';
  made.forEach((byte) => (text += (byte + 256).toString(16).slice(1)));
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
