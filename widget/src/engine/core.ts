import { type Answer, request } from '../boot/request';
import { type Boot, type LastUnread, page, type Visit } from '../boot/visit';
import { storedSession } from '../boot/session';
import { report } from '../launcher/guard';
import { Live, type Status } from './live';

export interface Events {
  ready: [];
  unread: [count: number, last: LastUnread | null];
  status: [status: Status];
  /** The visitor is on another page, or on another route of it. */
  page: [];
  /** The page goes away. */
  leave: [];
  /** Another tab has made this browser somebody else's. */
  replaced: [];
}

type Listener<K extends keyof Events> = (...args: Events[K]) => void;

const HIDDEN_FOR = 5 * 60_000;

/** The session while it lives: the token and its renewal, the socket, the unread count, and where the visitor is. */
export class Core {
  readonly live: Live;
  unread = 0;
  lastUnread: LastUnread | null = null;
  ready = false;
  /** The address that the visitor may prove by a code: what is said to be theirs, if anything; undefined where they may not. */
  claim?: string;
  private boot?: Boot;
  private token?: string;
  private readonly listeners: { [K in keyof Events]?: Listener<K>[] } = {};
  private readonly abort = new AbortController();
  private refreshTimer = 0;
  private href = '';

  constructor(readonly visit: Visit) {
    this.live = new Live({
      url: () => this.boot!.live_url,
      token: () => this.token,
      renew: (refused) => this.renew(refused),
      changed: (status) => {
        if (status === 'ready') this.tellPage(true);
        this.emit('status', status);
      },
      poll: async (live) => (await import('./polling')).poll(this, this.boot!.poll_url, live),
    });
    this.live.subscribe('conversations.getTotalUnreadForVisitor', {}, {
      snapshot: (data) => this.count(data.unread, data.last_unread),
    });
    this.listen();
  }

  /** Begin, when there is a session. */
  async start(): Promise<void> {
    this.accept(await this.visit.boot());
    this.ready = true;
    this.count(this.boot!.unread, this.boot!.last_unread);
    this.emit('ready');
  }

  end(): void {
    this.abort.abort();
    this.live.close();
    clearTimeout(this.refreshTimer);
  }

  on<K extends keyof Events>(event: K, listener: Listener<K>): () => void {
    const list = (this.listeners[event] ||= []) as Listener<K>[];
    list.push(listener);
    return () => void list.splice(list.indexOf(listener), 1);
  }

  /** A request to the API as the visitor; waits for a session, and asks for another once when this one is refused. */
  async request(method: string, path: string, body?: unknown, limit?: number, signal?: AbortSignal): Promise<Answer> {
    const url = /^https?:/.test(path) ? path : this.visit.api + path;
    if (!this.token) this.accept(await this.visit.boot());
    const used = this.token!;
    const answer = await request(method, url, body, used, limit, signal);
    if (answer.status !== 401) return answer;
    await this.renew(used);
    return request(method, url, body, this.token, limit, signal);
  }

  /** Tell something while the page goes away, where no answer is waited for. */
  farewell(path: string, body: unknown): void {
    if (this.token) void request('POST', this.visit.api + path, body, this.token, 0).catch(() => {});
  }

  /** End the session on the server, or all that it knows of the visitor. */
  async leave(what = 'session'): Promise<void> {
    if (this.token) await request('DELETE', this.visit.api + '/widget/' + what, undefined, this.token);
  }

  private emit<K extends keyof Events>(event: K, ...args: Events[K]): void {
    for (const listener of (this.listeners[event] || []).slice()) {
      try {
        (listener as Listener<K>)(...args);
      } catch (error) {
        report(error);
      }
    }
  }

  private accept(boot: Boot): void {
    if (boot === this.boot) return;
    this.boot = boot;
    this.token = boot.token;
    this.claim = boot.email_codes && !boot.visitor.email_proven && !this.visit.own.get('later') ? boot.visitor.email : undefined;
    this.scheduleRefresh(boot.refresh_after);
    if (document.visibilityState !== 'hidden') this.live.open();
  }

  /** A refused token, or something new about who this is: boot brings the visitor back, by their own secret or by proof. */
  async renew(refused?: string): Promise<void> {
    const again = !refused || this.token === refused;
    if (again) this.token = undefined;
    this.accept(await this.visit.boot(again));
  }

  private count(unread: number, last: LastUnread | null): void {
    this.unread = unread;
    this.lastUnread = last;
    this.emit('unread', unread, last);
  }

  private scheduleRefresh(seconds: number): void {
    clearTimeout(this.refreshTimer);
    const refresh = async () => {
      const { status, data } = await this.request('POST', '/widget/session/refresh').catch((): Partial<Answer> => ({}));
      if (this.abort.signal.aborted) return;
      if (status === 200) this.token = data.token;
      this.scheduleRefresh(status === 200 ? data.refresh_after : 30);
    };
    this.refreshTimer = setTimeout(refresh, Math.max(seconds, 5) * 1000) as unknown as number;
  }

  private listen(): void {
    const until = { signal: this.abort.signal };
    let hidden = 0;
    const wake = () => {
      clearTimeout(hidden);
      if (!this.token) return;
      this.live.open();
      this.live.hurry();
      this.tellPage();
    };
    document.addEventListener('visibilitychange', () => {
      clearTimeout(hidden);
      if (document.visibilityState !== 'hidden') wake();
      else hidden = setTimeout(() => this.live.close(), HIDDEN_FOR) as unknown as number;
    }, until);
    ['online', 'focus', 'pageshow', 'popstate'].forEach((type) => window.addEventListener(type, wake, until));
    // A page with an open socket cannot be kept for the back button.
    window.addEventListener('pagehide', () => {
      this.emit('leave');
      this.live.close();
    }, until);
    window.addEventListener('storage', (event) => {
      if (event.key === this.visit.storage.prefix + 'session' && storedSession(this.visit.storage)?.id !== this.visit.session.id) this.emit('replaced');
    }, until);
    const { navigation } = window as any;
    if (navigation) navigation.addEventListener('navigatesuccess', () => this.tellPage(), until);
  }

  private tellPage(always?: boolean): void {
    if (!always && location.href === this.href) return;
    if (location.href !== this.href) {
      this.href = location.href;
      this.emit('page');
    }
    this.live.tell('page', page());
  }
}
