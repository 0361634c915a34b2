/** Languages the catalogue has, with what the launcher says; everything else is in `src/strings`. */
const LABELS = {
  en: ['Open messages', 'Close messages', 'unread'],
  de: ['Nachrichten öffnen', 'Nachrichten schließen', 'ungelesen'],
  es: ['Abrir mensajes', 'Cerrar mensajes', 'sin leer'],
};

export type Language = keyof typeof LABELS;

/**
 * The language to speak: the page's option, else the page's own language, else the browser's, as far as the catalogue and the
 * workspace have them; else the workspace's default, else English. A workspace that names one language has not restricted anything.
 */
export function chooseLanguage(option?: string, allowed: string[] = [], standard?: string): Language {
  const candidates = [option, document.documentElement.lang, ...navigator.languages, standard].map((tag) => (tag || '').toLowerCase().split(/[-_]/)[0]!);
  const chosen = candidates.find((language, at) => language in LABELS && (!at || allowed.length < 2 || allowed.includes(language)));
  return (chosen || 'en') as Language;
}

/** The launcher's accessible name. */
export function labelOf(language: Language, isOpen: boolean, unread: number): string {
  const [open, close, waiting] = LABELS[language];
  return isOpen ? close! : open + (unread ? `, ${unread} ${waiting}` : '');
}
