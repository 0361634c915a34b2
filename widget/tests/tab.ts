import { vi } from 'vitest';
import { Visit } from '../src/boot/visit';
import { Core } from '../src/engine/core';
import { Storage } from '../src/launcher/storage';
import type { Settings } from '../src/launcher/settings';

export const WORKSPACE = '0190aaaa-0000-7000-8000-000000000001';

/** A visitor's session in one tab; tabs share the storage, as a browser's do. */
export function tab(settings: Settings = {}): { visit: Visit; core: Core } {
  const storage = new Storage(`opencom.${WORKSPACE}.`, 'localStorage');
  const launcher = { settings: { workspace: WORKSPACE, ...settings }, origin: 'https://opencom.example', storage, consented: true };
  const visit = new Visit(launcher as any, () => {});
  return { visit, core: new Core(visit) };
}

/** Locks by name, first come first served, as `navigator.locks` has them. */
export function stubLocks(): void {
  const tails = new Map<string, Promise<unknown>>();
  const request = (name: string, work: () => Promise<unknown>) => {
    const turn = (tails.get(name) || Promise.resolve()).then(work, work);
    tails.set(name, turn.catch(() => {}));
    return turn;
  };
  Object.defineProperty(navigator, 'locks', { value: { request }, configurable: true });
}

export async function until(what: () => boolean, ms = 4000): Promise<void> {
  await vi.waitFor(() => {
    if (!what()) throw new Error('not yet');
  }, { timeout: ms, interval: 5 });
}
