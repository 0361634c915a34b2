/** Languages the catalogue has, with what the launcher itself says; everything else is in `src/strings`. */
export const LABELS = { en: 'Open messages', de: 'Nachrichten öffnen', es: 'Abrir mensajes' };

export type Language = keyof typeof LABELS;

/**
 * The language to speak: the page's option, else the page's own language, else the browser's, as far as the catalogue and the
 * workspace have them; else the workspace's default, else English. A workspace that names one language has not restricted anything.
 */
export function chooseLanguage(option?: string, allowed: string[] = [], standard?: string): Language {
  const candidates = [option, document.documentElement.lang, ...navigator.languages, standard].map((tag) => ('' + tag).toLowerCase().split(/[-_]/)[0]!);
  return candidates.find((language, at) => language in LABELS && (!at || allowed.length < 2 || allowed.includes(language))) as Language || 'en';
}
