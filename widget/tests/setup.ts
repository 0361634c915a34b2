import { Blob } from 'node:buffer';
import { beforeEach } from 'vitest';
import { SHARED } from '../src/shared';

// jsdom has no media queries.
Object.assign(globalThis, { matchMedia: () => ({ matches: false, addEventListener() {}, removeEventListener() {} }) });

// jsdom's files cannot be copied into a database; Node's can, but jsdom's forms do not take them.
class Form {
  parts: unknown[][] = [];
  append(...part: unknown[]): void {
    this.parts.push(part);
  }
}
Object.assign(globalThis, { Blob, FormData: Form });

(globalThis as any)[SHARED] = { queue: [], source: 'https://opencom.example/widget/opencom.js', dataset: {} };

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  document.querySelectorAll('opencom-widget').forEach((each) => each.remove());
});
