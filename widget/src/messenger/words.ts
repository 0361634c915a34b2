import type { Language } from '../engine/language';
import type { Strings } from '../strings/en';

export type Words = (key: keyof Strings, values?: Record<string, string | number>) => string;

/** The catalogue of a language. */
export async function catalogue(language: Language): Promise<Strings> {
  if (language === 'de') return (await import('../strings/de')).default;
  if (language === 'es') return (await import('../strings/es')).default;
  return (await import('../strings/en')).default;
}

/** Speak from a catalogue: `{name}` is filled in, and `count` chooses the plural by the language's own rules. */
export function speaker(strings: Strings, language: string): Words {
  const plural = new Intl.PluralRules(language);
  const number = new Intl.NumberFormat(language);
  return (key, values = {}) => {
    const entry: string | Record<string, string> = strings[key];
    const sentence = typeof entry === 'string' ? entry : (entry[plural.select(+values.count!)] ?? entry.other!);
    return sentence.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values[name];
      return typeof value === 'number' ? number.format(value) : '' + (value ?? '');
    });
  };
}
