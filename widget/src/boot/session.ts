import { decode } from '../launcher/json';
import type { Settings } from '../launcher/settings';
import { SESSION, type Storage } from '../launcher/storage';

/** The browser's side of a visitor. */
export interface Session {
  /** A secret made here once, which brings an anonymous visitor back. For boot only: never shown or logged. */
  id: string;
  /** Names the session in queues and caches without giving the secret away. */
  scope: string;
  /** Whom the page said the visitor is: opens nothing, kept to notice a change of person. */
  userid?: string;
  email?: string;
}

/** The session on record, which only a visitor who has agreed before has. */
export function storedSession(storage: Storage): Session | undefined {
  const found = decode(storage.get(SESSION));
  return /^[\w-]{32}$/.test(found?.id) ? found : undefined;
}

export const newSession = (): Session => ({ id: random(24), scope: random(6) });

/** Whom the page names: by id, or in the token that its server has signed. */
export function named({ userid, usertoken }: Settings): string | undefined {
  try {
    return userid || decode(atob(usertoken!.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'))).sub;
  } catch {
    // No token, or none that can be read: the server will say so.
  }
}

/** Is somebody else meant? An e-mail that changes for one user id is the same person; without ids the e-mail decides. */
export function isOther(known: Session, settings: Settings): boolean {
  const { email } = settings;
  const userid = named(settings);
  if (known.userid && userid) return known.userid !== userid;
  return !!(known.email && email && known.email.toLowerCase() !== email.toLowerCase());
}

/** Random bytes as base64url. */
export function random(bytes: number): string {
  const text = String.fromCharCode(...crypto.getRandomValues(new Uint8Array(bytes)));
  return btoa(text).replace(/\+/g, '-').replace(/\//g, '_');
}
