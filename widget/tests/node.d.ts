declare module 'node:buffer' {
  export const Blob: typeof globalThis.Blob;
}
declare module 'node:fs' {
  export function readFileSync(path: string | URL, encoding: 'utf8'): string;
}
