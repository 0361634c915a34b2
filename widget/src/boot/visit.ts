import type { Look } from '../launcher/button';
import { attributes as known } from './attributes';
import { backoff, wait } from './backoff';
import { device, timezone } from './device';
import type { Launcher } from '../launcher/index';
import { decode, encode } from '../launcher/json';
import { type Answer, isFinal, request } from './request';
import type { Settings } from '../launcher/settings';
import { LOOK, SESSION, Storage } from '../launcher/storage';
import { report } from '../launcher/guard';
import { isOther, named, newSession, type Session, storedSession } from './session';

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
  /** Whether the visitor may prove an address by a code. */
  email_codes: boolean;
  visitor: { email: string; email_proven: boolean };
}

declare const __VERSION__: string;

/**
 * A page that the workspace never answered is likely one that it refuses, which the browser may not tell us from a broken network: after
 * this many tries it asks more rarely.
 */
const PATIENCE = 5;

/**
 * A visitor on a page: what the page asked for, whose browser it is, and what the workspace answered. What belongs to one visitor is
 * kept under their session's scope, so another session finds nothing of it.
 */
export class Visit {
  /** Kept for the workspace: the session, and how the messenger looks. */
  readonly storage: Storage;
  /** Kept for the visitor. */
  readonly own: Storage;
  /** Kept for the visitor in this tab. */
  readonly tab: Storage;
  readonly api: string;
  session: Session;
  info: Info | undefined;
  /** Boot has been sent: what the page says from now on must be sent by itself. */
  introduced = false;
  /** The workspace does not talk to this page. */
  refused = false;
  ended = false;
  private booting?: Promise<Boot>;

  settings: Settings;

  constructor(
    { settings, origin, storage, consented }: Launcher,
    private readonly changed: () => void,
  ) {
    this.settings = settings;
    this.storage = storage;
    this.own = new Storage('', 'localStorage');
    this.tab = new Storage('', 'sessionStorage');
    this.api = (settings.apibase || origin).replace(/\/+$/, '') + '/api/v1';
    this.session = storedSession(storage) || newSession();
    this.allow(consented);
    this.adopt(settings);
    this.info = decode(this.storage.get(LOOK));
  }

  /** Whether anything may be stored and sent. */
  get consented(): boolean {
    return this.storage.allowed;
  }

  /** Say whether anything may be stored and sent. */
  allow(allowed: boolean): void {
    this.storage.allowed = this.own.allowed = this.tab.allowed = allowed;
    this.keep(this.session);
  }

  /**
   * Take what the page says about the visitor into account. When it means somebody else, a new session begins; a new e-mail means
   * somebody else unless it comes as an update.
   */
  adopt(told: Settings, isUpdate?: boolean): void {
    const { email } = told;
    const known = isOther(this.session, isUpdate ? { ...told, email: undefined } : told) ? newSession() : this.session;
    const userid = named(told);
    this.keep({ ...known, ...(userid && { userid }), ...(email && { email }) });
    this.settings = { ...this.settings, ...told, attributes: { ...this.settings.attributes, ...told.attributes } };
  }

  /** Go on as somebody new: another secret, nobody named. */
  forget(): void {
    this.keep(newSession());
  }

  /** Take over what the workspace says about itself, for the next page too. */
  learn(news: Partial<Info>): void {
    this.info = { ...this.info!, ...news };
    this.storage.set(LOOK, encode(this.info));
  }

  /** The session, asked for once and until there is an answer; `again` asks for another. Rejects when there can be none. */
  boot(again?: boolean): Promise<Boot> {
    if (again) this.booting = undefined;
    return (this.booting ||= this.bootUntilAnswered());
  }

  /** Go on with this session, and remember it where that is allowed. */
  keep(session: Session): void {
    this.session = session;
    this.own.prefix = this.tab.prefix = this.storage.prefix + session.scope + '.';
    if (this.consented) this.storage.set(SESSION, encode(session));
  }

  private async bootUntilAnswered(): Promise<Boot> {
    for (let attempt = 0; this.consented && !this.ended && !this.refused; attempt++) {
      this.introduced = true;
      const { status, data, retryAfter }: Partial<Answer> = await request('POST', this.api + '/widget/boot', this.introduction()).catch(() => ({}));
      if (this.ended) break;
      if (status === 200) {
        const { workspace, messenger, team, expected_reply } = data;
        this.learn({ workspace, messenger, team, expected_reply });
        this.keep(this.session);
        this.changed();
        return data;
      }
      // A page that may not show the messenger can't read that it may not, and is left as it was found; unless somebody has used it.
      if (!this.info && !this.own.get('pending') && !this.tab.get('view')) this.storage.set(SESSION, '');
      // The messenger shall not fail for what the page says about its visitor: they are then somebody unknown.
      if ((status === 400 || /^identity/.test(data?.error?.code)) && !attempt) {
        report(data?.error?.message || status);
        this.settings = { ...this.settings, ...NOBODY };
      }
      else if (status && isFinal(status)) {
        this.refused = true;
        this.changed();
        throw new Error(data?.error?.message || status);
      } else await wait(retryAfter ?? backoff(attempt) * (attempt > PATIENCE && !this.info ? 10 : 1));
    }
    throw new Error('no session');
  }

  private introduction(): object {
    const { workspace, userid, userhash, usertoken, name, email, attributes, clientidentifier: identifier } = this.settings;
    return {
      workspace,
      session_id: this.session.id,
      device: device(),
      page: page(),
      referrer: document.referrer.slice(0, 2000),
      locale: navigator.language,
      timezone: timezone(),
      client: { type: 'web_widget', version: __VERSION__, identifier },
      user_id: userid,
      user_hash: userhash,
      user_token: usertoken,
      name,
      email,
      attributes: attributes && known(attributes),
    };
  }
}

/** What a page says about its visitor, taken back. */
export const NOBODY = { name: undefined, email: undefined, userid: undefined, userhash: undefined, usertoken: undefined, attributes: undefined };

/** Where the visitor is, without the fragment: that part is the page's own and may hold secrets. */
export function page(): { url: string; title: string } {
  return { url: location.href.split('#')[0]!.slice(0, 2000), title: ('' + document.title).slice(0, 300) };
}
