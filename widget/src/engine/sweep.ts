import type { Visit } from '../boot/visit';
import { LOOK, SESSION } from '../launcher/storage';

/**
 * Remove what earlier visitors left in this browser: everything of the workspace that is not of the present session. Whoever left
 * something to send also left a note of it, so the queue goes whenever anything is found.
 */
export function sweep({ storage, own, settings }: Visit): void {
  const shared = [storage.prefix + SESSION, storage.prefix + LOOK];
  let isFound = false;
  for (const kind of ['localStorage', 'sessionStorage'] as const) {
    try {
      const area = window[kind];
      for (const key of Object.keys(area)) {
        if (!key.startsWith(storage.prefix) || key.startsWith(own.prefix) || shared.includes(key)) continue;
        area.removeItem(key);
        isFound = true;
      }
    } catch {
      // No storage here, so nothing was left.
    }
  }
  if (isFound) indexedDB.deleteDatabase('opencom.' + settings.workspace);
}
