import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Connection, Live } from '../src/engine/live';
import { Socket } from './socket';

let token: string | undefined;
let renewed: string[];
let polling: number;
let stopped: number;
let statuses: string[];

function live(): Live {
  const connection: Connection = {
    url: () => 'wss://live.example/ws/',
    token: () => token,
    renew: async (refused) => {
      renewed.push(refused);
      token = 'wst_new';
    },
    changed: (status) => statuses.push(status),
    poll: async () => {
      polling++;
      return () => stopped++;
    },
  };
  return new Live(connection);
}

const log = (each: Live, into: number[]) =>
  each.subscribe('messages.list', { conversation: 'c' }, {
    snapshot: (data) => into.splice(0, into.length, ...data.items.map((item: any) => item.seq)),
    delta: (items) => into.push(...items.map((item) => item.seq)),
  });

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  Socket.install();
  token = 'wst_1';
  renewed = [];
  statuses = [];
  polling = stopped = 0;
});
afterEach(() => vi.useRealTimers());

describe('a connection', () => {
  it('says hello with the token, and no token is in the address', () => {
    live().open();
    Socket.last.open();
    expect(Socket.last.sent).toEqual([{ type: 'hello', token: 'wst_1' }]);
    expect(Socket.last.url).not.toContain('wst_');
  });

  it('subscribes only when the server is ready, and again on every later socket', async () => {
    const each = live();
    log(each, []);
    each.open();
    Socket.last.open();
    expect(Socket.last.subs()).toEqual([]);
    Socket.last.say({ type: 'ready' });
    expect(Socket.last.subs()).toHaveLength(1);
    Socket.last.drop(1012);
    await vi.advanceTimersByTimeAsync(1000);
    Socket.last.ready();
    expect(Socket.all).toHaveLength(2);
    expect(Socket.last.subs()).toHaveLength(1);
  });

  it('waits longer after every failure, with jitter and a ceiling', async () => {
    const each = live();
    each.open();
    const waits: number[] = [];
    for (let n = 0; n < 9; n++) {
      const before = Socket.all.length;
      Socket.last.drop(1006);
      let waited = 0;
      while (Socket.all.length === before) {
        await vi.advanceTimersByTimeAsync(50);
        waited += 50;
      }
      waits.push(waited);
    }
    expect(waits.slice(0, 4)).toEqual([250, 500, 1000, 2000]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(15_050);
  });

  it('is given up when a ping is not answered in ten seconds', async () => {
    const each = live();
    each.open();
    Socket.last.ready();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(Socket.last.sent.at(-1)).toEqual({ type: 'ping' });
    await vi.advanceTimersByTimeAsync(9_900);
    expect(Socket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(Socket.all).toHaveLength(2);
  });

  it('gets another token when this one is refused', async () => {
    live().open();
    Socket.last.open();
    Socket.last.drop(4401);
    await vi.advanceTimersByTimeAsync(1000);
    expect(renewed).toEqual(['wst_1']);
    Socket.last.open();
    expect(Socket.last.sent[0]).toEqual({ type: 'hello', token: 'wst_new' });
  });

  it('does not come back by itself when it is blocked or replaced', async () => {
    for (const code of [4403, 4409]) {
      live().open();
      const count = Socket.all.length;
      Socket.last.open();
      Socket.last.drop(code);
      await vi.advanceTimersByTimeAsync(120_000);
      expect(Socket.all).toHaveLength(count);
    }
  });

  it('comes back when it was replaced and the visitor returns to the tab', () => {
    const each = live();
    each.open();
    Socket.last.drop(4409);
    each.hurry();
    expect(Socket.all).toHaveLength(2);
  });

  it('asks by HTTP after three failures in a row, and stops when a socket is there', async () => {
    const each = live();
    each.open();
    for (let n = 0; n < 3; n++) {
      expect(polling).toBe(0);
      Socket.last.drop(1006);
      await vi.advanceTimersByTimeAsync(4000);
    }
    expect(polling).toBe(1);
    expect(each.status).toBe('polling');
    Socket.last.ready();
    expect(stopped).toBe(1);
    expect(each.status).toBe('ready');
  });
});

describe('a log', () => {
  it('goes on from its cursor after an absence', async () => {
    const each = live();
    const seen: number[] = [];
    log(each, seen);
    each.open();
    Socket.last.ready();
    Socket.last.say({ type: 'snapshot', id: 's1', version: 'e.2', data: { items: [{ seq: 1 }, { seq: 2 }] } });
    Socket.last.say({ type: 'delta', id: 's1', version: 'e.3', items: [{ seq: 3 }] });
    Socket.last.drop(4008);
    await vi.advanceTimersByTimeAsync(1000);
    Socket.last.ready();
    expect(Socket.last.subs()[0]).toMatchObject({ query: 'messages.list', from: 'e.3' });
    Socket.last.say({ type: 'delta', id: 's1', version: 'e.5', items: [{ seq: 4 }, { seq: 5 }] });
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('sees a hole, shows nothing beyond it, and asks from before it', () => {
    const each = live();
    const seen: number[] = [];
    log(each, seen);
    each.open();
    Socket.last.ready();
    Socket.last.say({ type: 'snapshot', id: 's1', version: 'e.1', data: { items: [{ seq: 1 }] } });
    Socket.last.say({ type: 'delta', id: 's1', version: 'e.3', items: [{ seq: 3 }] });
    expect(seen).toEqual([1]);
    expect(Socket.last.sent.slice(-2)).toMatchObject([{ type: 'unsub', id: 's1' }, { type: 'sub', id: 's1', from: 'e.1' }]);
    Socket.last.say({ type: 'delta', id: 's1', version: 'e.3', items: [{ seq: 2 }, { seq: 3 }] });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('does not show twice what comes twice', () => {
    const each = live();
    const seen: number[] = [];
    log(each, seen);
    each.open();
    Socket.last.ready();
    Socket.last.say({ type: 'snapshot', id: 's1', version: 'e.2', data: { items: [{ seq: 1 }, { seq: 2 }] } });
    Socket.last.say({ type: 'delta', id: 's1', version: 'e.3', items: [{ seq: 2 }, { seq: 3 }] });
    Socket.last.say({ type: 'delta', id: 's1', version: 'e.3', items: [{ seq: 3 }] });
    expect(seen).toEqual([1, 2, 3]);
  });

  it('asks again when the heads in a pong are ahead of it', () => {
    const each = live();
    log(each, []);
    each.open();
    Socket.last.ready();
    Socket.last.say({ type: 'snapshot', id: 's1', version: 'e.2', data: { items: [{ seq: 1 }, { seq: 2 }] } });
    Socket.last.say({ type: 'pong', heads: { s1: 'e.2' } });
    expect(Socket.last.subs()).toHaveLength(1);
    Socket.last.say({ type: 'pong', heads: { s1: 'e.4' } });
    expect(Socket.last.subs().at(-1)).toMatchObject({ id: 's1', from: 'e.2' });
  });

  it('starts over when the server says so', () => {
    const each = live();
    const seen: number[] = [];
    log(each, seen);
    each.open();
    Socket.last.ready();
    Socket.last.say({ type: 'snapshot', id: 's1', version: 'e.9', data: { items: [{ seq: 9 }] } });
    Socket.last.say({ type: 'resync', id: 's1' });
    Socket.last.say({ type: 'snapshot', id: 's1', version: 'f.1', data: { items: [{ seq: 1 }] } });
    Socket.last.say({ type: 'delta', id: 's1', version: 'f.2', items: [{ seq: 2 }] });
    expect(seen).toEqual([1, 2]);
  });

  it('hands its cursor to the next subscription to the same log', () => {
    const each = live();
    const first = log(each, []);
    each.open();
    Socket.last.ready();
    Socket.last.say({ type: 'snapshot', id: 's1', version: 'e.2', data: { items: [{ seq: 1 }, { seq: 2 }] } });
    first.end();
    each.subscribe('messages.list', { conversation: 'c' }, { snapshot() {} }, first);
    expect(Socket.last.subs().at(-1)).toMatchObject({ id: 's2', from: 'e.2' });
  });
});

describe('a value', () => {
  it('is asked for again when it is missing at two pongs, not at one', () => {
    const each = live();
    each.subscribe('conversations.get', {}, { snapshot() {} });
    each.open();
    Socket.last.ready();
    Socket.last.say({ type: 'snapshot', id: 's1', version: 'a', data: {} });
    Socket.last.say({ type: 'pong', heads: { s1: 'b' } });
    expect(Socket.last.subs()).toHaveLength(1);
    Socket.last.say({ type: 'pong', heads: { s1: 'b' } });
    expect(Socket.last.subs()).toHaveLength(2);
  });

  it('is asked for again after a while when it is unavailable, and dropped when it is forbidden', async () => {
    const each = live();
    each.subscribe('conversations.get', {}, { snapshot() {} });
    each.subscribe('conversations.activity', {}, { snapshot() {} });
    each.open();
    Socket.last.ready();
    Socket.last.say({ type: 'error', id: 's1', code: 'unavailable', message: '', retry_after: 1 });
    Socket.last.say({ type: 'error', id: 's2', code: 'not_found', message: '' });
    await vi.advanceTimersByTimeAsync(1100);
    expect(Socket.last.subs('conversations.get')).toHaveLength(2);
    expect(each.subscriptions.size).toBe(1);
  });
});
