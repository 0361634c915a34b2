import { describe, expect, it } from 'vitest';
import { chooseLanguage, labelOf } from '../src/engine/language';
import { speaker } from '../src/messenger/words';
import de from '../src/strings/de';
import en from '../src/strings/en';
import es from '../src/strings/es';

const catalogues = { en, de, es } as Record<string, any>;
const gaps = (sentence: unknown) => [...JSON.stringify(sentence).matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

describe.each(Object.keys(catalogues))('the catalogue of %s', (language) => {
  const strings = catalogues[language];

  it('has every sentence, and none is empty', () => {
    expect(Object.keys(strings).sort()).toEqual(Object.keys(en).sort());
    for (const entry of Object.values(strings)) for (const text of typeof entry === 'string' ? [entry] : Object.values(entry as object)) expect(text.trim()).toBe(text), expect(text).not.toBe('');
  });

  it('fills the same gaps as the English one', () => {
    for (const key of Object.keys(en)) expect([...new Set(gaps(strings[key]))], key).toEqual([...new Set(gaps((en as any)[key]))]);
  });

  it('has a form for every number its language distinguishes', () => {
    const wanted = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, entry] of Object.entries(strings)) {
      if (typeof entry === 'object') for (const category of wanted) if (category !== 'many') expect(entry, key).toHaveProperty(category);
    }
  });
});

describe('a sentence', () => {
  it('agrees with its number', () => {
    const say = speaker(en, 'en');
    expect([0, 1, 2].map((count) => say('newBelow', { count }))).toEqual(['0 new messages', '1 new message', '2 new messages']);
  });

  it('writes numbers as the language does', () => {
    expect(speaker(de, 'de')('tooLong', { count: 12345 })).toBe('12.345 Zeichen zu viel');
  });

  it('does not interpret what is filled in', () => {
    expect(speaker(en, 'en')('typing', { name: '{text} $& $1' })).toBe('{text} $& $1 is typing');
  });
});

describe('the language', () => {
  it('is the one the page asks for, then the page’s own, then the browser’s, then the workspace’s, then English', () => {
    const browser = Object.getOwnPropertyDescriptor(Navigator.prototype, 'languages')!;
    const languages = (list: string[]) => Object.defineProperty(navigator, 'languages', { value: list, configurable: true });
    languages(['fr', 'es-MX']);
    document.documentElement.lang = 'de-AT';
    expect(chooseLanguage('es')).toBe('es');
    expect(chooseLanguage()).toBe('de');
    document.documentElement.lang = '';
    expect(chooseLanguage()).toBe('es');
    languages(['fr']);
    expect(chooseLanguage(undefined, [], 'de')).toBe('de');
    expect(chooseLanguage('xx', [], 'yy')).toBe('en');
    languages(['de', 'es']);
    expect(chooseLanguage(undefined, ['en', 'es'])).toBe('es');
    expect(chooseLanguage(undefined, ['en'])).toBe('de');
    Object.defineProperty(Navigator.prototype, 'languages', browser);
    delete (navigator as any).languages;
  });

  it('names the launcher by what it does and what waits', () => {
    expect(labelOf('en', false, 0)).toBe('Open messages');
    expect(labelOf('de', false, 3)).toBe('Nachrichten öffnen, 3 ungelesen');
    expect(labelOf('es', true, 3)).toBe('Cerrar mensajes');
  });
});
