/** Milliseconds to wait before try `attempt` (0, 1, 2 …): full jitter, U(0, min(30 s, 0.5 s · 2^n)). */
export function backoff(attempt: number): number {
  return Math.random() * Math.min(30_000, 500 * 2 ** attempt);
}

/** Wait, but not longer than until the network comes back. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    addEventListener('online', () => resolve(), { once: true });
  });
}
