import type { Language } from '../launcher/language';

/** What the launcher says once there is more to say than that it opens. */
const LABELS: Record<Language, { open: string; close: string; unread: string }> = {
  en: { open: 'Open messages', close: 'Close messages', unread: 'unread' },
  de: { open: 'Nachrichten öffnen', close: 'Nachrichten schließen', unread: 'ungelesen' },
  es: { open: 'Abrir mensajes', close: 'Cerrar mensajes', unread: 'sin leer' },
};

/** The launcher's accessible name. */
export function labelOf(language: Language, isOpen: boolean, unread: number): string {
  const words = LABELS[language];
  return isOpen ? words.close : words.open + (unread ? `, ${unread} ${words.unread}` : '');
}
