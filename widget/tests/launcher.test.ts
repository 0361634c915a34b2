import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Call, SHARED, type Shared } from '../src/shared';
import { Server } from './server';
import { Socket } from './socket';
import { stubLocks, until, WORKSPACE } from './tab';

let server: Server;
let common: Shared;

/** The page loads the launcher, with these calls waiting. */
async function load(...queue: Call[]): Promise<void> {
  common.queue = queue;
  vi.resetModules();
  await import('../src/launcher/index');
}

const call = (...each: Call) => common.handle!(each);
const settle = () => new Promise((resolve) => setTimeout(resolve, 60));
const host = () => document.querySelector('opencom-widget');
const find = (selector: string) => host()?.shadowRoot?.querySelector<HTMLElement>(selector);
const boots = () => server.seen.filter((each) => each.path === '/widget/boot').map((each) => each.body);

beforeEach(() => {
  common = (globalThis as any)[SHARED];
  common.handle = undefined;
  common.dataset = {};
  globalThis.indexedDB = new IDBFactory();
  delete (window as any).opencomSettings;
  Socket.install();
  stubLocks();
  server = new Server();
  vi.spyOn(console, 'warn').mockImplementation(() => {});
});
afterEach(async () => {
  call('destroy');
  await settle();
});

describe('calls before the messenger has loaded', () => {
  it('are not lost: who it is goes with the first request, what happened follows', async () => {
    const ready = vi.fn();
    await load(
      ['onReady', ready],
      ['identify', { user_id: '7', email: 'ada@example.com', attributes: { plan: 'pro' } }],
      ['trackEvent', 'signed up', { seats: 3, nonsense: {} }],
      ['init', { workspace_id: WORKSPACE }],
    );
    await until(() => server.events.length === 1);
    expect(boots()).toHaveLength(1);
    expect(boots()[0]).toMatchObject({ email: 'ada@example.com', attributes: { plan: 'pro' } });
    expect(server.events[0]).toMatchObject({ name: 'signed up', properties: { seats: 3 } });
    expect(ready).toHaveBeenCalledTimes(1);
  });

  it('open it as soon as it can be opened', async () => {
    const shown = vi.fn();
    await load(['onShow', shown], ['init', { workspace_id: WORKSPACE }], ['show']);
    await until(() => !!find('.panel'));
    expect(shown).toHaveBeenCalledTimes(1);
  });

  it('wait for init, however long that takes', async () => {
    await load(['trackEvent', 'early'], ['showNewMessage', 'Hello']);
    await settle();
    expect(server.seen).toEqual([]);
    call('init', { workspace_id: WORKSPACE });
    await until(() => server.events.length === 1);
    await until(() => find('textarea') instanceof HTMLTextAreaElement);
    expect((find('textarea') as HTMLTextAreaElement).value).toBe('Hello');
  });
});

describe('settings', () => {
  it('come from the script’s attributes, then from the page’s object, then from init', async () => {
    common.dataset = { opencomWorkspaceId: WORKSPACE, opencomName: 'from the script' };
    (window as any).opencomSettings = { name: 'from the object', email: 'object@example.com' };
    await load();
    await until(() => boots().length === 1);
    expect(boots()[0]).toMatchObject({ workspace: WORKSPACE, name: 'from the object', email: 'object@example.com' });
  });

  it('without a workspace do nothing', async () => {
    await load(['init', {}]);
    await settle();
    expect(server.seen).toEqual([]);
    expect(host()).toBeNull();
  });
});

describe('without consent', () => {
  it('nothing is stored or sent, and calls are kept, until the visitor opens it', async () => {
    await load(['init', { workspace_id: WORKSPACE, consent: false }], ['identify', { name: 'Ada' }], ['trackEvent', 'viewed']);
    await settle();
    expect(find('.launch')).toBeTruthy();
    expect(server.seen).toEqual([]);
    expect(localStorage.length + sessionStorage.length).toBe(0);
    expect(Socket.all).toEqual([]);
    find('.launch')!.click();
    await until(() => server.events.length === 1);
    expect(boots()).toHaveLength(1);
    expect(boots()[0].name).toBe('Ada');
    expect(localStorage.length).toBeGreaterThan(0);
  });

  it('a call may give it, and another takes it back: nothing of the visitor is left here, and nothing more is sent', async () => {
    await load(['init', { workspace_id: WORKSPACE, consent: false }], ['trackEvent', 'viewed']);
    await settle();
    call('consent', false);
    await settle();
    expect(server.seen).toEqual([]);
    call('consent', true);
    await until(() => server.events.length === 1);
    call('consent', false);
    await until(() => server.seen.some(({ method, path, token }) => method === 'DELETE' && path === '/widget/visitor' && token === 'wst_1'));
    await settle();
    expect({ ...localStorage, ...sessionStorage }).toEqual({});
    const sent = server.seen.length;
    call('trackEvent', 'viewed again');
    await settle();
    expect(server.seen.length).toBe(sent);
    expect(boots()).toHaveLength(1);
  });

  it('an update may give it', async () => {
    await load(['init', { workspace_id: WORKSPACE, consent: false }], ['trackEvent', 'viewed']);
    await settle();
    call('update', { consent: true });
    await until(() => server.events.length === 1);
  });
});

describe('the public API', () => {
  it('shows, hides and toggles, and says so', async () => {
    const heard: string[] = [];
    await load(['init', { workspace_id: WORKSPACE }], ['onShow', () => heard.push('show')], ['onHide', () => heard.push('hide')]);
    call('show');
    await until(() => !!find('.panel'));
    call('show');
    call('hide');
    await until(() => !find('.panel'));
    call('hide');
    call('toggle');
    await until(() => !!find('.panel'));
    call('toggle');
    await until(() => !find('.panel'));
    expect(heard).toEqual(['show', 'hide', 'show', 'hide']);
  });

  it('tells the unread count once for every change, and at once to who asks later', async () => {
    const heard: unknown[] = [];
    await load(['init', { workspace_id: WORKSPACE }], ['onUnreadCountChange', (count: number) => heard.push(count)] as Call);
    await until(() => Socket.all.length === 1);
    Socket.last.ready();
    const say = (unread: number) => Socket.last.say({ type: 'snapshot', id: 's1', version: '' + unread, data: { unread, last_unread: null } });
    say(2);
    say(2);
    say(0);
    const late = vi.fn();
    call('onUnreadCountChange', late);
    await settle();
    expect(heard).toEqual([0, 2, 0]);
    expect(late).toHaveBeenCalledWith(0);
  });

  it('is not stopped by a mistake in the page’s listener', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const second = vi.fn();
    await load(['init', { workspace_id: WORKSPACE }], ['onReady', () => { throw new Error('the page’s own'); }] as Call, ['onReady', second]);
    await until(() => second.mock.calls.length === 1);
  });

  it('never throws, whatever it is given', async () => {
    await load(['init', { workspace_id: WORKSPACE }]);
    const circle: any = {};
    circle.self = circle;
    for (const method of ['identify', 'update', 'trackEvent', 'show', 'showNewMessage', 'onShow', 'off', 'nonsense', 'constructor', '__proto__']) {
      for (const argument of [undefined, null, 7, 'x', [], {}, circle, Symbol('s'), () => 1]) expect(() => call(method, argument)).not.toThrow();
    }
    await settle();
  });

  it('sends a change of the visitor after boot', async () => {
    await load(['init', { workspace_id: WORKSPACE }]);
    await until(() => boots().length === 1);
    call('update', { name: 'Ada', attributes: { plan: 'pro', bad: {} } });
    await until(() => server.visitor.name === 'Ada');
    expect(server.visitor).toEqual({ name: 'Ada', attributes: { plan: 'pro' } });
  });

  it('asks for another session when the page proves who the visitor is, once', async () => {
    await load(['init', { workspace_id: WORKSPACE }]);
    await until(() => boots().length === 1);
    call('identify', { userId: '42', userHash: 'ab', name: 'Ada' });
    await until(() => boots().length === 2);
    call('identify', { userId: '42', userHash: 'ab' });
    await settle();
    const [before, after] = boots();
    expect(boots()).toHaveLength(2);
    expect(after.session_id).toBe(before.session_id);
    expect([after.user_id, after.user_hash, after.name]).toEqual(['42', 'ab', 'Ada']);
  });

  it('gives somebody else a session of their own', async () => {
    await load(['init', { workspace_id: WORKSPACE, user_id: '1' }]);
    await until(() => boots().length === 1);
    call('identify', { user_id: '2', name: 'Ali' });
    await until(() => boots().length === 2);
    const [ada, ali] = boots();
    expect(ali.session_id).not.toBe(ada.session_id);
    expect(ali.name).toBe('Ali');
  });

  it('forgets everything on logout, here and on the server, and serves whoever comes next', async () => {
    await load(['init', { workspace_id: WORKSPACE, name: 'Ada', email: 'ada@example.com' }], ['showNewMessage', 'a draft']);
    await until(() => !!find('textarea') && Socket.all.length === 1);
    const before = boots()[0];
    call('logout');
    await until(() => boots().length === 2);
    await until(() => server.seen.some((each) => each.method === 'DELETE' && each.path === '/widget/session' && each.token === 'wst_1'));
    const after = boots()[1];
    expect(after.session_id).not.toBe(before.session_id);
    expect(after).not.toHaveProperty('email');
    expect(find('.panel')).toBeFalsy();
    await until(() => !JSON.stringify({ ...localStorage, ...sessionStorage }).includes('draft'));
  });

  it('leaves nothing on the page when it is destroyed, and comes back by init', async () => {
    await load(['init', { workspace_id: WORKSPACE }], ['show']);
    await until(() => !!find('.panel'));
    await until(() => !!Socket.last);
    call('destroy');
    await until(() => !host());
    expect(Socket.last.readyState).toBe(3);
    const session = boots()[0].session_id;
    call('init', { workspace_id: WORKSPACE });
    await until(() => boots().length === 2);
    expect(boots()[1].session_id).toBe(session);
  });
});

describe('the tab', () => {
  it('opens where it was left', async () => {
    await load(['init', { workspace_id: WORKSPACE }], ['showMessages']);
    await until(() => !!find('.rows'));
    await load(['init', { workspace_id: WORKSPACE }]);
    await until(() => !!find('.rows'));
  });
});

describe('what is told by itself', () => {
  const named = (name: string) => server.events.filter((each) => each.name === name);
  const route = (path: string) => {
    history.pushState({}, '', path);
    window.dispatchEvent(new PopStateEvent('popstate'));
  };

  it('is nothing, unless the page asks for it', async () => {
    await load(['init', { workspace_id: WORKSPACE }], ['trackEvent', 'asked for']);
    await until(() => server.events.length === 1);
    route('/else');
    window.dispatchEvent(new Event('pagehide'));
    await settle();
    expect(server.events.map((each) => each.name)).toEqual(['asked for']);
  });

  it('is a session, the pages and routes in it, and its end, which the last page says', async () => {
    await load(['init', { workspace_id: WORKSPACE, track_page_views: true }], ['trackEvent', 'first']);
    await until(() => named('page_view').length === 1);
    route('/prices#secret');
    route('/prices#other');
    await until(() => named('page_view').length === 2);
    window.dispatchEvent(new Event('pagehide'));
    await until(() => named('session_end').length === 1);
    await settle();
    expect(named('session_start')).toHaveLength(1);
    expect(named('page_view')).toHaveLength(2);
    expect(named('page_view')[1].url).toMatch(/\/prices$/);
    expect(named('session_end')[0].properties.pages).toBe(2);
    const [first] = named('session_end');
    window.dispatchEvent(new Event('pagehide'));
    await settle();
    const sent = server.seen.flatMap((each) => each.body?.events || []).filter((each: any) => each.name === 'session_end');
    expect(sent.map((each: any) => each.id)).toEqual([first.id, first.id]);
  });

  it('goes on in the same session on the next page', async () => {
    await load(['init', { workspace_id: WORKSPACE, track_page_views: true }], ['trackEvent', 'first']);
    await until(() => named('page_view').length === 1);
    call('destroy');
    await settle();
    history.pushState({}, '', '/next');
    await load(['init', { workspace_id: WORKSPACE, track_page_views: true }], ['trackEvent', 'second']);
    await until(() => named('page_view').length === 2);
    expect(named('session_start')).toHaveLength(1);
  });

  it('is nothing before consent, and nothing once it was taken back', async () => {
    await load(['init', { workspace_id: WORKSPACE, track_page_views: true, consent: false }]);
    route('/before');
    await settle();
    expect(server.seen).toHaveLength(0);
    call('consent', true);
    call('trackEvent', 'agreed');
    await until(() => named('page_view').length === 1);
    call('consent', false);
    await settle();
    const before = server.events.length;
    route('/after');
    window.dispatchEvent(new Event('pagehide'));
    await settle();
    expect(server.events).toHaveLength(before);
    expect(Object.keys({ ...sessionStorage })).toEqual([]);
  });
});
