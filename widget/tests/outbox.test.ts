import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Draft, Outbox, type Sent } from '../src/outbox/outbox';
import { Server } from './server';
import { Socket } from './socket';
import { stubLocks, tab, until, WORKSPACE } from './tab';

let server: Server;
let open: Outbox[];

async function outbox(each = tab()): Promise<Outbox> {
  const made = await Outbox.open(each.core);
  open.push(made);
  return made;
}

const draft = (body: string, lane = 'new-1', conversation: string | null = null): Draft => ({ lane, conversation, body, files: [] });

const file = (name = 'a.txt') => ({ key: name, name, type: 'text/plain', size: 5, blob: new Blob(['hello']) });

/** What a browser has on disk. */
async function stored(): Promise<any[]> {
  const database: IDBDatabase = await new Promise((resolve) => {
    const request = indexedDB.open('opencom.' + WORKSPACE);
    request.onsuccess = () => resolve(request.result);
  });
  const entries: any[] = await new Promise((resolve) => {
    const request = database.transaction('queue').objectStore('queue').getAll();
    request.onsuccess = () => resolve(request.result);
  });
  database.close();
  return entries;
}

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  // A quick world: retries come at once.
  vi.spyOn(Math, 'random').mockReturnValue(0.001);
  Socket.install();
  stubLocks();
  server = new Server();
  open = [];
});
afterEach(() => open.forEach((each) => each.close()));

describe('a message', () => {
  it('is on disk, with its id, before the first byte leaves', async () => {
    const box = await outbox();
    let onDisk: any[] = [];
    const answer = globalThis.fetch;
    vi.stubGlobal('fetch', async (url: string, options: any) => {
      if (options.method === 'POST' && url.endsWith('/conversations')) onDisk = await stored();
      return answer(url, options);
    });
    await box.send(draft('hello'));
    await until(() => server.bodies().length === 1);
    const sent = server.seen.find((each) => each.path === '/conversations')!;
    expect(onDisk).toMatchObject([{ body: 'hello', client_id: sent.body.client_id }]);
    expect(sent.body.client_id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  it('leaves the disk only when the server has it', async () => {
    const box = await outbox();
    await box.send(draft('hello'));
    await until(() => !box.messages.length);
    expect(await stored()).toEqual([]);
    expect(server.bodies()).toEqual(['hello']);
  });

  it('goes once when the answer is lost on the way, under the same id', async () => {
    const box = await outbox();
    server.fail('lost', 'lost');
    await box.send(draft('hello'));
    await until(() => !box.messages.length);
    expect(server.bodies()).toEqual(['hello']);
    const ids = server.seen.filter((each) => each.path === '/conversations').map((each) => each.body.client_id);
    expect(ids).toHaveLength(3);
    expect(new Set(ids).size).toBe(1);
  });

  it.each([
    ['an unreachable server', ['down', 'down'] as const],
    ['500', [{ status: 500 }] as const],
    ['503', [{ status: 503, headers: { 'Retry-After': '0' } }] as const],
    ['429', [{ status: 429, headers: { 'Retry-After': '0' } }] as const],
    ['408', [{ status: 408 }] as const],
  ])('is tried again after %s', async (_, failures) => {
    const box = await outbox();
    server.fail(...failures);
    await box.send(draft('hello'));
    await until(() => server.bodies().length === 1);
    await until(() => !box.messages.length);
  });

  it('waits as long as the server asks', async () => {
    const box = await outbox();
    server.fail({ status: 429, headers: { 'Retry-After': '1' } });
    const before = Date.now();
    await box.send(draft('hello'));
    await until(() => server.bodies().length === 1);
    expect(Date.now() - before).toBeGreaterThanOrEqual(950);
  });

  it('boots again when the token is refused, and then goes', async () => {
    const box = await outbox();
    await box.send(draft('one'));
    await until(() => server.bodies().length === 1);
    server.valid = 'wst_2';
    await box.send(draft('two', 'new-2'));
    await until(() => server.bodies().length === 2);
    expect(server.boots).toBe(2);
  });

  it('is kept and shown as failed when the server refuses it for good', async () => {
    const box = await outbox();
    server.fail({ status: 403, data: { error: { code: 'blocked' } } });
    await box.send(draft('hello'));
    await until(() => !!box.messages[0]?.failed);
    expect(box.messages[0]).toMatchObject({ body: 'hello', failed: 'blocked' });
    const requests = server.seen.length;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.seen).toHaveLength(requests);
  });

  it('goes when the visitor tries again, after what was written meanwhile', async () => {
    const box = await outbox();
    await box.send(draft('one'));
    await until(() => server.bodies().length === 1);
    server.fail({ status: 400, data: { error: { code: 'invalid' } } });
    await box.send(draft('refused', 'c1', 'c1'));
    await box.send(draft('two', 'c1', 'c1'));
    await until(() => server.bodies().length === 2);
    await box.retry(box.messages[0]!.client_id);
    await until(() => server.bodies().length === 3);
    expect(server.bodies()).toEqual(['one', 'two', 'refused']);
  });

  it('takes another id when the server holds its id for other contents', async () => {
    const box = await outbox();
    server.fail({ status: 409, data: { error: { code: 'client_id_reused' } } });
    await box.send(draft('hello'));
    await until(() => !!box.messages[0]?.failed);
    const before = box.messages[0]!.client_id;
    await box.retry(before);
    await until(() => server.bodies().length === 1);
    expect(server.seen.at(-1)!.body.client_id).not.toBe(before);
  });

  it('can be dropped once it has failed, and not before', async () => {
    const box = await outbox();
    server.fail({ status: 400 });
    await box.send(draft('hello'));
    await until(() => !!box.messages[0]?.failed);
    await box.discard(box.messages[0]!.client_id);
    expect(box.messages).toEqual([]);
    expect(server.bodies()).toEqual([]);
  });

  it('survives the tab: the next page sends it', async () => {
    const first = await outbox();
    server.fail('down', 'down', 'down', 'down', 'down', 'down', 'down', 'down');
    vi.spyOn(Math, 'random').mockReturnValue(1);
    await first.send(draft('before the reload'));
    first.close();
    server.failures = [];
    const second = await outbox();
    await until(() => server.bodies().length === 1);
    await until(() => !second.messages.length);
    expect(server.bodies()).toEqual(['before the reload']);
  });

  it('is sent without a database too', async () => {
    vi.stubGlobal('indexedDB', { open: () => { throw new Error('forbidden'); } });
    const box = await outbox();
    server.fail('down');
    await box.send(draft('hello'));
    await until(() => server.bodies().length === 1);
    await until(() => !box.messages.length);
  });
});

describe('order', () => {
  it('is kept in a conversation, whatever fails between', async () => {
    const box = await outbox();
    await box.send(draft('0'));
    await until(() => server.bodies().length === 1);
    server.fail('down', 'lost', { status: 500 }, 'lost', 'down');
    for (let n = 1; n < 8; n++) await box.send(draft('' + n, 'c1', 'c1'));
    await until(() => server.bodies().length === 8);
    expect(server.bodies()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  });

  it('is kept when followers are written while the conversation is being made', async () => {
    const box = await outbox();
    server.fail('lost', 'down');
    await Promise.all([box.send(draft('first')), box.send(draft('second')), box.send(draft('third'))]);
    await until(() => server.bodies().length === 3);
    expect(server.conversations.size).toBe(1);
    expect(server.bodies()).toEqual(['first', 'second', 'third']);
    expect(await box.conversationOf('new-1')).toBe('c1');
  });

  it('makes one conversation when a message is queued for a lane at the moment that it becomes one', async () => {
    const box = await outbox();
    const becoming = new Promise<Sent>((resolve) => box.onSent(resolve));
    await box.send(draft('first'));
    await becoming;
    await box.send(draft('late', 'new-1', null));
    await until(() => server.bodies().length === 2);
    expect(server.conversations.size).toBe(1);
  });

  it('lets the next message make the conversation when the first is refused', async () => {
    const box = await outbox();
    server.fail({ status: 400 });
    await box.send(draft('refused'));
    await box.send(draft('good'));
    await until(() => server.bodies().length === 1);
    expect(server.bodies()).toEqual(['good']);
  });

  it('does not let one conversation hold up another', async () => {
    const box = await outbox();
    await box.send(draft('a'));
    await until(() => server.bodies().length === 1);
    server.fail({ status: 429, headers: { 'Retry-After': '30' } });
    await box.send(draft('slow', 'c1', 'c1'));
    await until(() => server.seen.length === 3);
    await box.send(draft('quick', 'new-9'));
    await until(() => server.bodies().includes('quick'));
    expect(server.bodies()).not.toContain('slow');
  });
});

describe('several tabs', () => {
  it('send every message once between them', async () => {
    const boxes = [await outbox(), await outbox(), await outbox()];
    await boxes[0]!.send(draft('0'));
    await until(() => server.bodies().length === 1);
    server.fail('lost', 'down', 'lost', { status: 503 });
    await Promise.all(Array.from({ length: 12 }, (_, n) => boxes[n % 3]!.send(draft('m' + n, 'c1', 'c1'))));
    boxes.forEach((each) => each.drain());
    await until(() => server.bodies().length === 13);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(new Set(server.bodies()).size).toBe(13);
    expect(server.bodies()).toHaveLength(13);
  });

  it('send every message once without locks as well', async () => {
    Object.defineProperty(navigator, 'locks', { value: undefined, configurable: true });
    const boxes = [await outbox(), await outbox()];
    await boxes[0]!.send(draft('0'));
    await until(() => server.bodies().length === 1);
    await Promise.all(Array.from({ length: 6 }, (_, n) => boxes[n % 2]!.send(draft('m' + n, 'c1', 'c1'))));
    boxes.forEach((each) => each.drain());
    await until(() => server.bodies().length === 7);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(server.bodies()).toHaveLength(7);
  });

  it('take over when the tab that was sending closes', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const first = await outbox();
    const second = await outbox();
    server.fail('down');
    await first.send(draft('hello'));
    await until(() => server.seen.length >= 2);
    first.close();
    second.drain();
    await until(() => server.bodies().length === 1);
  });
});

describe('somebody else', () => {
  it('never sends what the visitor before them left', async () => {
    const first = tab();
    const box = await outbox(first);
    server.fail({ status: 400 });
    await box.send(draft('secret'));
    await until(() => !!box.messages[0]?.failed);
    box.close();
    const second = tab();
    second.visit.forget();
    const next = await outbox(second);
    expect(next.messages).toEqual([]);
    expect(await stored()).toEqual([]);
    expect(server.bodies()).toEqual([]);
  });
});

describe('files', () => {
  it('are uploaded once, before the message that carries them', async () => {
    const box = await outbox();
    server.fail('down', 'lost');
    await box.send({ ...draft('look'), files: [file()] });
    await until(() => server.bodies().length === 1);
    const message = server.seen.filter((each) => each.path === '/conversations').at(-1)!;
    const ids = server.seen.filter((each) => each.path === '/conversations').map((each) => each.body.attachments);
    expect(message.body.attachments).toHaveLength(1);
    expect(new Set(ids.map(String)).size).toBe(1);
  });

  it('that were uploaded ahead are not uploaded again', async () => {
    const box = await outbox();
    const one = file();
    const uploading = box.stage(one);
    await box.send({ ...draft('look'), files: [one] });
    await uploading;
    await until(() => server.bodies().length === 1);
    expect(server.seen.filter((each) => each.path === '/attachments')).toHaveLength(1);
  });

  it('that have expired on the way are brought again', async () => {
    const box = await outbox();
    const one = file();
    Object.assign(one, await box.stage(one));
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    server.fail('down');
    await box.send({ ...draft('look'), files: [one] });
    await until(() => server.seen.some((each) => each.path === '/conversations'));
    const now = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(now + 3_600_000);
    server.fail({ status: 400, data: { error: { code: 'invalid' } } });
    await until(() => server.bodies().length === 1);
    expect(server.seen.filter((each) => each.path === '/attachments')).toHaveLength(2);
  });

  it('that the server refuses fail the message and say so', async () => {
    const box = await outbox();
    server.fail({ status: 415, data: { error: { code: 'unsupported_type' } } });
    await box.send({ ...draft('look'), files: [file('a.exe')] });
    await until(() => !!box.messages[0]?.failed);
    expect(box.messages[0]!.failed).toBe('unsupported_type');
    expect(server.bodies()).toEqual([]);
  });
});

describe('events and changes', () => {
  const event = (n: number) => ({ id: `e${n}`, name: 'viewed', at: '2026-11-25T10:00:00Z' });

  it('arrive once each, in their order, with answers lost', async () => {
    const box = await outbox();
    server.fail('lost', 'down');
    for (let n = 0; n < 5; n++) await box.track(event(n));
    await until(() => server.events.length === 5);
    expect(server.events.map((each) => each.id)).toEqual(['e0', 'e1', 'e2', 'e3', 'e4']);
  });

  it('go by the hundred at most', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(1);
    const box = await outbox();
    server.fail('down');
    for (let n = 0; n < 130; n++) await box.track(event(n));
    box.drain();
    await until(() => server.events.length === 130);
    const sizes = server.seen.filter((each) => each.path === '/widget/events').map((each) => each.body.events.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100);
  });

  it('of the visitor merge in the order in which they were made', async () => {
    const box = await outbox();
    server.fail('down');
    await box.change({ name: 'A' });
    await box.change({ name: 'Ada' });
    await until(() => server.visitor.name === 'Ada');
  });

  it('that the server refuses are dropped, and hold nothing up', async () => {
    const box = await outbox();
    server.fail({ status: 400 });
    await box.change({ email: 'no address' });
    await box.change({ name: 'Ada' });
    await until(() => server.visitor.name === 'Ada');
  });

  it('leave a note that something waits, and take it back', async () => {
    const each = tab();
    const box = await outbox(each);
    await box.track(event(1));
    await until(() => server.events.length === 1);
    await until(() => each.visit.own.get('pending') === null);
  });
});
