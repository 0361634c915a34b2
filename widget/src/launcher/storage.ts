/**
 * What the widget keeps in the page's storage, under the workspace's own prefix. Before consent nothing is written, and a browser that
 * refuses storage gets memory instead.
 */
export class Storage {
  /** False until the visitor may be remembered; reading is allowed, so that an earlier consent is found. */
  allowed = true;
  private memory: Record<string, string | null> = {};

  constructor(
    readonly prefix: string,
    private readonly kind: 'localStorage' | 'sessionStorage' = 'localStorage',
  ) {}

  get(name: string): string | null {
    try {
      return window[this.kind].getItem(this.prefix + name) ?? this.memory[name] ?? null;
    } catch {
      return this.memory[name] ?? null;
    }
  }

  /** Keep a value; null removes it. */
  set(name: string, value: string | null): void {
    if (!this.allowed) return;
    this.memory[name] = null;
    try {
      const area = window[this.kind];
      if (value === null) area.removeItem(this.prefix + name);
      else area.setItem(this.prefix + name, value);
    } catch {
      // Switched off or full: then for this page only.
      this.memory[name] = value;
    }
  }

  /** Remove everything under this prefix. */
  clear(): void {
    this.memory = {};
    try {
      const area = window[this.kind];
      for (const key of Object.keys(area)) if (key.startsWith(this.prefix)) area.removeItem(key);
    } catch {
      // Nothing was kept.
    }
  }
}
