/** Names under which a workspace's things are kept: how its messenger looks, and the visitor's session. */
export const LOOK = 'look';
export const SESSION = 'session';

/** What the widget keeps in the page's storage. Before consent nothing is written, and a browser that refuses storage keeps nothing. */
export class Storage {
  /** False until the visitor may be remembered; reading is allowed, so that an earlier consent is found. */
  allowed = true;

  constructor(
    public prefix: string,
    private readonly kind: 'localStorage' | 'sessionStorage',
  ) {}

  get(name: string): string | null {
    try {
      return window[this.kind].getItem(this.prefix + name);
    } catch {
      return null;
    }
  }

  /** Keep a value; the empty one removes it. */
  set(name: string, value: string): void {
    try {
      if (value && this.allowed) window[this.kind].setItem(this.prefix + name, value);
      else window[this.kind].removeItem(this.prefix + name);
    } catch {
      // Switched off or full: then it is not kept.
    }
  }
}
