export type Rgb = [red: number, green: number, blue: number];

/** A colour as the server writes it (`#rgb` or `#rrggbb`), or undefined. */
export function parseColour(text: string | undefined): Rgb | undefined {
  const hex = /^#([\da-f]{3}|[\da-f]{6})$/i.exec(text || '')?.[1];
  if (!hex) return undefined;
  const number = parseInt(hex.length === 3 ? hex.replace(/./g, '$&$&') : hex, 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** Relative luminance by WCAG, 0 to 1. */
export function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

/** The text colour for a surface: white where it can be read (4.5:1), else near-black. */
export function textOn(surface: string): string {
  const light = luminance(parseColour(surface)!);
  return 1.05 / (light + 0.05) >= 4.5 ? '#fff' : '#000';
}
