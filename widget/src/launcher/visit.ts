import type { Look } from './button';
import { backoff, wait } from './backoff';
import { device } from './device';
import { decode, encode } from './json';
import { type Answer, isFinal, request } from './request';
import { isOther, newSession, saveSession, type Session, storedSession } from './session';
import { attributes, isOn, type Settings } from './settings';
import { Storage } from './storage';

export interface Teammate {
  id: string;
  name: string;
  avatar_url: string | null;
  online?: boolean;
}

export interface LastUnread {
  conversation: string;
  preview: string;
  author_name: string;
}

/** What boot says, as far as it may be kept between pages. */
export interface Info {
  workspace: { id: string; name: string };
  messenger: Look;
  team: Teammate[];
  expected_reply: string | null;
}

export interface Boot extends Info {
  token: string;
  refresh_after: number;
  unread: number;
  last_unread: LastUnread | null;
  live_url: string;
  poll_url: string;
}

declare const __VERSION__: string;

const CACHE = 'settings';

/** A visitor on a page: what the page asked for, whose browser it is, and what the workspace answered. */
export class Visit {
  readonly storage: Storage;
  readonly tab: Storage;
  readonly api: string;
  session: Session;
  info: Info | undefined;
  /** Whether anything may be stored and sent. */
  consented: boolean;
  /** Boot has been sent: what the page says from now on must be sent by itself. */
  introduced = false;
  /** The workspace does not talk to this page. */
  refused = false;
  ended = false;
  private booting?: Promise<Boot>;

  constructor(
    public settings: Settings,
    origin: string,
    private readonly changed: () => void,
  ) {
    const prefix = `opencom.${settings.workspace}.`;
    this.storage = new Storage(prefix);
    this.tab = new Storage(prefix, 'sessionStorage');
    this.api = (settings.apibase || origin).replace(/\/+$/, '') + '/api/v1';
    const known = storedSession(this.storage);
    this.session = known || newSession();
    this.consented = !!known || settings.consent == null || isOn(settings.consent);
    this.storage.allowed = this.tab.allowed = this.consented;
    this.adopt(settings);
    this.info = decode(this.storage.get(CACHE));
  }

  /**
   * Take what the page says about the visitor into account. When it means somebody else, nothing of the one before stays; a new e-mail
   * means somebody else unless it comes as an update.
   */
  adopt(settings: Settings, isUpdate?: boolean): void {
    const { userid, email } = settings;
    if (isOther(this.session, isUpdate ? { userid } : settings)) this.forget();
    this.session = { ...this.session, ...(userid && { userid }), ...(email && { email }) };
    saveSession(this.storage, this.session);
    this.settings = { ...this.settings, ...settings, attributes: { ...this.settings.attributes, ...settings.attributes } };
  }

  /** The visitor, or the page on their behalf, has agreed: from now on things are stored and sent. */
  consent(): void {
    this.consented = this.storage.allowed = this.tab.allowed = true;
    saveSession(this.storage, this.session);
  }

  /** The session, asked for once and until there is an answer; `again` asks for another. Rejects when there can be none. */
  boot(again?: boolean): Promise<Boot> {
    if (again) this.booting = undefined;
    return (this.booting ||= this.bootUntilAnswered());
  }

  /** Remove every trace of the visitor from this browser. */
  forget(): void {
    this.storage.clear();
    this.tab.clear();
    try {
      indexedDB.deleteDatabase('opencom.' + this.settings.workspace);
    } catch {
      // No databases here, so none to forget.
    }
    this.info = undefined;
    this.session = newSession();
    saveSession(this.storage, this.session);
  }

  private async bootUntilAnswered(): Promise<Boot> {
    for (let attempt = 0; this.consented && !this.ended && !this.refused; attempt++) {
      this.introduced = true;
      const { status, data, retryAfter }: Partial<Answer> = await request('POST', this.api + '/widget/boot', this.introduction()).catch(() => ({}));
      if (this.ended) break;
      if (status === 200) {
        const { workspace, messenger, team, expected_reply } = data;
        this.info = { workspace, messenger, team, expected_reply };
        this.storage.set(CACHE, encode(this.info));
        this.changed();
        return data;
      }
      if (status && isFinal(status)) {
        this.refused = true;
        console.warn('[opencom] refused:', data?.error?.message || status);
        this.changed();
      } else await wait(retryAfter ?? backoff(attempt));
    }
    throw new Error('no session');
  }

  private introduction(): object {
    const { workspace, name, email, attributes: given, clientidentifier: identifier } = this.settings;
    return {
      workspace,
      session_id: this.session.id,
      device: device(),
      page: page(),
      referrer: document.referrer.slice(0, 2000),
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      client: { type: 'web_widget', version: __VERSION__, identifier },
      name: name || undefined,
      email: email || undefined,
      attributes: attributes(given),
    };
  }
}

/** Where the visitor is, without the fragment: that part is the page's own and may hold secrets. */
export function page(): { url: string; title: string } {
  return { url: location.href.split('#')[0]!.slice(0, 2000), title: ('' + document.title).slice(0, 300) };
}
