import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Storage } from '../src/launcher/storage';
import { Visit } from '../src/boot/visit';
import { sweep } from '../src/engine/sweep';
import { Server } from './server';
import { Socket } from './socket';
import { tab, until, WORKSPACE } from './tab';

let server: Server;

beforeEach(() => {
  server = new Server();
  Socket.install();
  vi.stubGlobal('indexedDB', { deleteDatabase: vi.fn() });
});

describe('a session', () => {
  it('has a secret of 24 random bytes, kept under the workspace’s own name', () => {
    const { visit } = tab();
    expect(visit.session.id).toMatch(/^[\w-]{32}$/);
    expect(tab().visit.session.id).toBe(visit.session.id);
    expect(Object.keys(localStorage).every((key) => key.startsWith(`opencom.${WORKSPACE}.`))).toBe(true);
  });

  it('is begun anew when the record is damaged', () => {
    for (const text of ['', 'null', '{}', '{"id":"short"}', 'no json', '[]']) {
      localStorage.setItem(`opencom.${WORKSPACE}.session`, text);
      expect(tab().visit.session.id).toMatch(/^[\w-]{32}$/);
    }
  });

  it('belongs to one person: another user id or, without ids, another e-mail gets another', () => {
    const anonymous = tab().visit.session.id;
    const ada = tab({ userid: '1', email: 'ada@example.com' }).visit.session.id;
    expect(ada).toBe(anonymous);
    expect(tab().visit.session.id).toBe(ada);
    expect(tab({ userid: '1', email: 'ada@new.example' }).visit.session.id).toBe(ada);
    const ali = tab({ userid: '2' }).visit.session.id;
    expect(ali).not.toBe(ada);
    expect(tab({ userid: '1' }).visit.session.id).not.toBe(ada);
  });

  it('stays when an update brings a new address', () => {
    const { visit } = tab({ email: 'ada@example.com' });
    const before = visit.session.id;
    visit.adopt({ email: 'ada@new.example' }, true);
    expect(visit.session.id).toBe(before);
    visit.adopt({ email: 'ali@example.com' });
    expect(visit.session.id).not.toBe(before);
  });

  it('of somebody else finds nothing of the one before, and what they left is swept away', () => {
    const { visit } = tab();
    visit.own.set('draft.new', 'private');
    visit.tab.set('view', 'private');
    visit.forget();
    expect(visit.own.get('draft.new')).toBeNull();
    sweep(visit);
    expect(JSON.stringify({ ...localStorage, ...sessionStorage })).not.toContain('private');
    expect(indexedDB.deleteDatabase).toHaveBeenCalledWith('opencom.' + WORKSPACE);
  });

  it('works where the browser keeps nothing', async () => {
    vi.spyOn(globalThis.Storage.prototype, 'setItem').mockImplementation(() => {
      throw new Error('denied');
    });
    const { visit } = tab();
    await visit.boot();
    expect(visit.info!.workspace.name).toBe('Shop');
  });
});

describe('boot', () => {
  it('sends what the contract names, and nothing else', async () => {
    await tab({ name: 'Ada', email: 'ada@example.com', attributes: { plan: 'pro' } }).visit.boot();
    const { body } = server.seen[0]!;
    expect(Object.keys(body).sort()).toEqual(
      ['attributes', 'client', 'device', 'email', 'locale', 'name', 'page', 'referrer', 'session_id', 'timezone', 'workspace'].sort(),
    );
    expect(body.client.type).toBe('web_widget');
    expect(body.page).toEqual({ url: 'https://shop.example/', title: '' });
  });

  it('is asked for once by however many ask', async () => {
    const { visit } = tab();
    await Promise.all([visit.boot(), visit.boot(), visit.boot()]);
    expect(server.boots).toBe(1);
  });

  it('tries until there is an answer', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const answers = [() => Promise.reject(new TypeError('down')), () => new Response('{}', { status: 503 }), () => new Response('busy', { status: 429 })];
    const real = globalThis.fetch;
    vi.stubGlobal('fetch', (url: string, options: any) => (answers.length ? answers.shift()!() : real(url, options)));
    await tab().visit.boot();
    expect(server.boots).toBe(1);
  });

  it('stops when the workspace refuses this page', async () => {
    const changed = vi.fn();
    vi.stubGlobal('fetch', async () => new Response('{"error":{"code":"origin_refused","message":"no"}}', { status: 403 }));
    const storage = new Storage('opencom.x.', 'localStorage');
    const visit = new Visit({ settings: { workspace: 'x' }, origin: 'https://o', storage, consented: true } as any, changed);
    await expect(visit.boot()).rejects.toThrow('no');
    expect(visit.refused).toBe(true);
    expect(changed).toHaveBeenCalled();
  });

  it('goes without what the page said about the visitor when the server finds that invalid', async () => {
    const bodies: any[] = [];
    const real = globalThis.fetch;
    vi.stubGlobal('fetch', (url: string, options: any) => {
      bodies.push(JSON.parse(options.body));
      return bodies.length === 1 ? Promise.resolve(new Response('{}', { status: 400 })) : real(url, options);
    });
    await tab({ email: 'no address' }).visit.boot();
    expect(bodies.map((each) => each.email)).toEqual(['no address', undefined]);
  });

  it('carries the proof that the page’s server has made, and the id only while the page names it', async () => {
    await tab({ userid: '42', userhash: 'ab', attributes: { since: new Date(0), deep: {} } } as any).visit.boot();
    await tab().visit.boot();
    const [first, second] = server.seen.map(({ body }) => body);
    expect([first.user_id, first.user_hash]).toEqual(['42', 'ab']);
    expect(first.attributes).toEqual({ since: { date: '1970-01-01T00:00:00.000Z' } });
    expect(second).not.toHaveProperty('user_id');
    expect(second).not.toHaveProperty('user_hash');
  });

  it('goes on as nobody in particular when the proof is refused, and says why', async () => {
    const said = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const bodies: any[] = [];
    const real = globalThis.fetch;
    vi.stubGlobal('fetch', (url: string, options: any) => {
      bodies.push(JSON.parse(options.body));
      const refusal = '{"error":{"code":"identity_refused","message":"user_hash is wrong"}}';
      return bodies.length === 1 ? Promise.resolve(new Response(refusal, { status: 403 })) : real(url, options);
    });
    await tab({ userid: '42', userhash: 'ab', name: 'Ada' }).visit.boot();
    expect(bodies.map((each) => each.user_hash)).toEqual(['ab', undefined]);
    expect(bodies[1]).not.toHaveProperty('user_id');
    expect(bodies[1]).not.toHaveProperty('name');
    expect(said).toHaveBeenCalledWith('[opencom]', 'user_hash is wrong');
  });

  it('knows whom a token names: another is another person', () => {
    const token = (sub: string, more = '') => `e30.${btoa(JSON.stringify({ sub, more })).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')}.x`;
    const ada = tab({ usertoken: token('1') } as any).visit.session.id;
    expect(tab({ usertoken: token('1', 'later') } as any).visit.session.id).toBe(ada);
    expect(tab({ userid: '1' }).visit.session.id).toBe(ada);
    expect(tab({ usertoken: token('2') } as any).visit.session.id).not.toBe(ada);
    expect(() => tab({ usertoken: 'no token' } as any)).not.toThrow();
  });

  it('does not happen without consent, and nothing is stored', async () => {
    const storage = new Storage('opencom.x.', 'localStorage');
    const visit = new Visit({ settings: { workspace: 'x', consent: 'false' }, origin: 'https://o', storage, consented: false } as any, () => {});
    await expect(visit.boot()).rejects.toThrow();
    visit.own.set('draft.new', 'x');
    visit.tab.set('view', 'x');
    expect(server.seen).toEqual([]);
    expect(localStorage).toHaveLength(0);
    expect(sessionStorage).toHaveLength(0);
  });
});

describe('the core', () => {
  it('renews a refused token once for all who were refused', async () => {
    const { core } = tab();
    await core.start();
    server.valid = 'wst_2';
    const answers = await Promise.all([1, 2, 3].map(() => core.request('PATCH', '/widget/visitor', { name: 'x' })));
    expect(answers.map((each) => each.status)).toEqual([200, 200, 200]);
    expect(server.boots).toBe(2);
  });

  it('opens the socket only when there is a session', async () => {
    const { core } = tab();
    expect(Socket.all).toHaveLength(0);
    await core.start();
    expect(Socket.all).toHaveLength(1);
    core.end();
  });

  it('leaves the page to somebody else when another tab has', async () => {
    const { core } = tab();
    let replaced = 0;
    core.on('replaced', () => replaced++);
    const key = `opencom.${WORKSPACE}.session`;
    window.dispatchEvent(new StorageEvent('storage', { key }));
    expect(replaced).toBe(0);
    localStorage.setItem(key, JSON.stringify({ id: 'x'.repeat(32), scope: 'other' }));
    window.dispatchEvent(new StorageEvent('storage', { key }));
    await until(() => replaced === 1);
    core.end();
  });
});
