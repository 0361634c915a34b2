import { backoff, wait } from '../boot/backoff';
import { encode } from '../launcher/json';
import { isFinal } from '../boot/request';
import type { Core } from './core';
import type { Live, Subscription } from './live';

/** What is worth a held request; typing isn't. */
const WORTH = /^(messages\.list|conversations\.(get|listByVisitor|getTotalUnreadForVisitor))$/;

/**
 * Ask by HTTP for what the socket would push, until the returned function is called. Every subscription has one request in the air,
 * and the frames take the same way as the socket's.
 */
export function poll(core: Core, url: string, live: Live): () => void {
  const abort = new AbortController();
  const asked = new Set<string>();

  async function follow(subscription: Subscription): Promise<void> {
    for (let failures = 0; !abort.signal.aborted && live.subscriptions.has(subscription.id); ) {
  const { query, params, version } = subscription;
      const search = new URLSearchParams({ query, params: encode(params), wait: '25' });
      if (version) search.set('from', version);
      try {
        const answer = await core.request('GET', url + '?' + search, undefined, 0, AbortSignal.any([abort.signal, AbortSignal.timeout(40_000)]));
        if (abort.signal.aborted) return;
        if (answer.status === 200) live.receive({ ...answer.data, id: subscription.id });
        else if (answer.status !== 204) {
          if (isFinal(answer.status)) return;
          await wait(answer.retryAfter ?? backoff(failures++));
          continue;
        }
        failures = 0;
        // An answer that came at once and brought nothing new must not turn into a storm.
        if (answer.status === 200 && subscription.version === version) await wait(2000);
      } catch {
        // A refused token looks like a network error here, because the refusal can't be read. The API says it readably.
        if (failures) await core.request('GET', '/widget/session').catch(() => {});
        await wait(backoff(failures++));
      }
    }
  }

  function look(): void {
    live.subscriptions.forEach((subscription) => {
      if (asked.has(subscription.id) || !WORTH.test(subscription.query)) return;
      asked.add(subscription.id);
      void follow(subscription).then(() => asked.delete(subscription.id));
    });
  }
  look();
  const watch = setInterval(look, 500);
  return () => {
    clearInterval(watch);
    abort.abort();
  };
}
