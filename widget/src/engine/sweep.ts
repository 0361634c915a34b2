import type { Visit } from '../boot/visit';
import { LOOK, SESSION } from '../launcher/storage';

/** Remove what earlier visitors left in this browser: everything of the workspace that is not of the present session. */
export function sweep({ storage, own, settings }: Visit): void {
  const shared = [storage.prefix + SESSION, storage.prefix + LOOK];
  let found = false;
  for (const kind of ['localStorage', 'sessionStorage'] as const) {
    try {
      const area = window[kind];
      for (const key of Object.keys(area)) {
        if (!key.startsWith(storage.prefix) || key.startsWith(own.prefix) || shared.includes(key)) continue;
        area.removeItem(key);
        found = true;
      }
    } catch {
      // No storage here, so nothing was left.
    }
  }
  if (found) indexedDB.deleteDatabase('opencom.' + settings.workspace);
}
