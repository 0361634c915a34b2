import type { Widget } from '../boot/widget';
import { LOOK, SESSION } from '../launcher/storage';
import { backoff, wait } from '../boot/backoff';
import type { Button } from '../launcher/button';
import { report } from '../launcher/guard';
import { decode, encode } from '../launcher/json';
import { isOther } from '../boot/session';
import { isOn, readSettings, type Settings } from '../launcher/settings';
import { NOBODY, page, type Visit } from '../boot/visit';
import type { Messenger, View } from '../messenger/index';
import type { Outbox } from '../outbox/outbox';
import type { Call } from '../shared';
import { attributes } from '../boot/attributes';
import { Core } from './core';
import { Panel } from './panel';
import { sweep } from './sweep';
import { uuid } from './uuid';

type Kind = 'onReady' | 'onShow' | 'onHide' | 'onUnreadCountChange';

/** The page's listeners; they outlive the widget they were given to. */
let listeners: [kind: Kind, listener: (...args: unknown[]) => void][] = [];

/** What a tab remembers of the messenger between pages. */
export interface Place extends View {
  open?: boolean;
}

/** Everything behind the launcher: the public API, the panel, and the parts that are fetched when they are needed. */
export class Engine {
  readonly core: Core;
  readonly visit: Visit;
  readonly panel: Panel;
  private readonly button: Button;
  private messenger?: Promise<Messenger>;
  private box?: Promise<Outbox>;
  private told = -1;

  private readonly restart: (settings?: Settings) => void;

  constructor({ visit, launcher, restart }: Widget) {
    this.visit = visit;
    this.restart = restart;
    this.core = new Core(visit);
    this.button = launcher.appear(visit.info?.messenger, visit.settings);
    this.panel = new Panel(this.button);
    this.dress();
    this.core.on('unread', (count) => {
      this.button.count(count);
      if (count !== this.told) this.tell('onUnreadCountChange', (this.told = count));
      this.preview();
    });
    this.core.on('ready', () => {
      this.dress();
      this.tell('onReady');
      if (visit.own.get('pending')) void this.outbox();
      if (isOn(visit.settings.trackpageviews)) import('../tracking/index').then(({ follow }) => follow(this)).catch(report);
    });
    this.core.live.subscribe('workspaces.get', {}, {
      snapshot: ({ messenger }) => {
        visit.learn({ messenger, expected_reply: messenger.expected_reply });
        this.redress();
      },
    });
    this.core.on('replaced', () => restart({ ...visit.settings, ...NOBODY }));
    sweep(visit);
    if (visit.consented) this.start();
    this.restore();
  }

  /** Take one call of the public API. */
  take([method, ...args]: Call): unknown {
    const [first] = args as any[];
    switch (method) {
      case 'init':
      case 'boot':
      case 'identify':
        return this.person(readSettings(first));
      case 'update':
        return this.person(readSettings(first), true);
      case 'trackEvent':
        return this.track('' + first, args[1]);
      case 'show':
        return this.show();
      case 'hide':
        return this.hide();
      case 'toggle':
        return this.panel.element ? this.hide() : this.show();
      case 'showMessages':
        return this.show({ tab: 'messages' });
      case 'showNewMessage':
        return this.show({ tab: 'messages', thread: 'new', text: first == null ? undefined : '' + first });
      case 'logout':
      case 'shutdown':
        return this.logout();
      case 'consent':
        return this.logout({ consent: '0' }, 'visitor');
      case 'destroy':
        return this.restart();
      case 'off':
        listeners = listeners.filter(([kind, listener]) => kind !== first || listener !== args[1]);
        return;
      default:
        if (typeof first === 'function') this.listen(method as Kind, first);
    }
  }

  /** Open the messenger, at a place if one is named. Opening is the visitor's agreement. */
  show(view?: View, focus = true): void {
    const { visit } = this;
    if (visit.refused) return;
    if (!visit.consented) {
      visit.allow(true);
      this.start();
    }
    visit.keep(visit.session);
    const opens = !this.panel.element;
    if (opens) this.panel.open(visit.info?.messenger.greeting || '');
    // In a frame, opening must not take the focus from the page around it.
    void this.enter(view, focus && document.hasFocus());
    this.remember({ open: true });
    if (opens) this.tell('onShow');
  }

  hide(): void {
    if (!this.panel.element) return;
    this.messenger?.then((messenger) => messenger.leave(), () => {});
    this.panel.close();
    this.remember({ open: false });
    this.tell('onHide');
  }

  /** Have the messenger at hand: somebody is about to open it. */
  prefetch(): Promise<unknown> {
    return this.load();
  }

  /** The queue of what must reach the server once; fetched when something is to be sent, and for as long as that takes. */
  outbox(): Promise<Outbox> {
    return (this.box ||= this.fetchOutbox());
  }

  remember(place: Partial<Place>): void {
    this.visit.tab.set('view', encode({ ...this.place(), ...place }));
  }

  place(): Place {
    return decode(this.visit.tab.get('view')) || {};
  }

  end(): void {
    if (this.panel.element) this.hide();
    this.core.end();
    this.panel.end();
    this.messenger?.then((messenger) => messenger.destroy(), () => {});
    this.box?.then((box) => box.close(), () => {});
  }

  private async fetchOutbox(): Promise<Outbox> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await (await import('../outbox/outbox')).Outbox.open(this.core);
      } catch (error) {
        report(error);
        await wait(backoff(attempt));
      }
    }
  }

  private start(): void {
    this.core.start().catch(() => {});
  }

  private dress(): void {
    const { info, settings } = this.visit;
    this.button.dress(info?.messenger, settings);
    this.panel.dress(info?.messenger, settings);
  }

  private redress(): void {
    this.dress();
    this.messenger?.then((messenger) => messenger.dress(), () => {});
  }

  /** The page says who this is, or something new about them. With `isUpdate` a new e-mail is the same person's. */
  private person(settings: Settings, isUpdate?: boolean): unknown {
    const { visit } = this;
    const isElsewhere = settings.workspace && settings.workspace !== visit.settings.workspace;
    if (isElsewhere) return this.restart(settings);
    if (isOther(visit.session, isUpdate ? { ...settings, email: undefined } : settings)) return this.logout(settings);
    const before = proof(visit.settings);
    visit.adopt(settings, isUpdate);
    this.redress();
    const { name, email } = settings;
    // Who the visitor is, only a session can say.
    if (proof(visit.settings) !== before) return this.core.renew();
    if (name || email || settings.attributes) {
      return this.outbox().then((box) => box.change({ name, email, attributes: attributes(settings.attributes) }));
    }
  }

  /** Queue an event. */
  track(name: string, properties?: unknown): Promise<void> {
    const event = happening(name, properties);
    return this.outbox().then((box) => box.track(event));
  }

  /** This visitor goes, and nothing of theirs stays here; `what` goes on the server. The widget waits for whoever comes next. */
  private logout(next?: Settings, what?: string): Promise<void> {
    const { core, visit } = this;
    const forgotten = this.box?.then((box) => box.close(), () => {}) || Promise.resolve();
    visit.forget();
    if (next?.consent) {
      visit.allow(false);
      visit.storage.set(SESSION, '');
    }
    visit.storage.set(LOOK, '');
    sweep(visit);
    this.restart({ ...visit.settings, ...NOBODY, ...next });
    return forgotten.then(() => core.leave(what));
  }

  private listen(kind: Kind, listener: (...args: unknown[]) => void): void {
    listeners.push([kind, listener]);
    if (!this.core.ready) return;
    if (kind === 'onReady') call(listener);
    if (kind === 'onUnreadCountChange') call(listener, this.core.unread);
  }

  private tell(kind: Kind, ...args: unknown[]): void {
    for (const [each, listener] of listeners.slice()) if (each === kind) call(listener, ...args);
  }

  private load(): Promise<Messenger> {
    if (!this.messenger) {
      this.messenger = import('../messenger/index').then(({ mount }) => mount(this));
      this.messenger.catch(() => (this.messenger = undefined));
    }
    return this.messenger;
  }

  private async enter(view: View | undefined, focus: boolean): Promise<void> {
    for (let attempt = 1; this.panel.element; attempt++) {
      try {
        (await this.load()).enter(view, focus);
        return;
      } catch (error) {
        report(error);
        await wait(backoff(attempt));
      }
    }
  }

  private preview(): void {
    const { unread, lastUnread } = this.core;
    const last = !this.panel.element && unread && !isOn(this.visit.settings.hidenotifications) ? lastUnread : null;
    if (last || this.messenger) this.load().then((messenger) => messenger.preview(last)).catch(report);
  }

  private restore(): void {
    const asked = /[?&]open-widget-tab=(\w+)/.exec(location.search)?.[1];
    const { open } = this.place();
    if (asked) this.show({ tab: asked === 'messages' ? 'messages' : 'home' });
    else if (open && innerWidth >= 480) this.show(undefined, false);
  }
}

/** Something that happens now, as the server takes it. */
export const happening = (name: string, properties?: unknown, id = uuid()) => ({
  id,
  name: name.slice(0, 100),
  properties: attributes(properties),
  url: page().url,
  at: new Date().toISOString(),
});

const proof = ({ userid, userhash, usertoken }: Settings): string => '' + [userid, userhash, usertoken];

/** A mistake in the page's listener is the page's own, and is shown as one; it stops nothing of ours. */
function call(listener: (...args: unknown[]) => void, ...args: unknown[]): void {
  try {
    listener(...args);
  } catch (error) {
    console.error(error);
  }
}
