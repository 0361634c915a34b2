import { luminance, parseColour, type Rgb } from '../launcher/colour';

/** WCAG contrast ratio, 1 to 21. */
export function contrast(a: Rgb, b: Rgb): number {
  const [x, y] = [luminance(a) + 0.05, luminance(b) + 0.05];
  return x > y ? x / y : y / x;
}

/** The nearest shade of a colour that can be read as text (4.5:1) on a surface. */
export function readableOn(colour: string, surface: string): string {
  const [from, on] = [parseColour(colour)!, parseColour(surface)!];
  const end = luminance(on) > 0.18 ? 0 : 255;
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = from.map((c) => Math.round(c + (end - c) * share)) as Rgb;
    if (contrast(mixed, on) >= 4.5) return `rgb(${mixed.join(' ')})`;
  }
  return end ? '#fff' : '#000';
}
