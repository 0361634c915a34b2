import { batch, computed, signal } from './signals';
import type { Info, LastUnread } from '../boot/visit';
import { report } from '../launcher/guard';
import type { Language } from '../engine/language';
import type { Status, Subscription } from '../engine/live';
import { uuid } from '../engine/uuid';
import type { Engine } from '../engine/index';
import type { ThreadView } from '../conversation/index';
import type { QueuedFile, QueuedMessage } from '../outbox/database';
import type { Outbox, Sent } from '../outbox/outbox';
import type { View } from './index';
import { NEW, Thread } from './thread';
import { catalogue, speaker, type Words } from './words';

export interface Row {
  key: string;
  id: string;
  version: number;
  status: string;
  last_message: { preview: string; author_kind: string; author_name: string; avatar_url?: string | null; at: string };
  unread: number;
  sort: string | number;
  removed?: boolean;
}

/** What the messenger shows, and what its parts do about it. */
export class Store {
  readonly info = signal<Info | undefined>(undefined);
  readonly status = signal<Status>('idle');
  readonly online = signal(navigator.onLine);
  readonly focused = signal(document.hasFocus() && document.visibilityState !== 'hidden');
  readonly shown = signal(false);
  readonly tab = signal<'home' | 'messages'>('home');
  readonly thread = signal<Thread | null>(null);
  readonly queue = signal<QueuedMessage[]>([]);
  readonly unread = signal(0);
  readonly preview = signal<LastUnread | null>(null);
  readonly language = signal<Language>('en');
  readonly words = signal<Words>(() => '');
  /** What shows a conversation, once it has been fetched. */
  readonly conversation = signal<typeof ThreadView | null>(null);
  readonly announcement = signal('');
  /** The address that the visitor may prove, empty where none is known; undefined where there is nothing to prove. */
  readonly claim = signal<string | undefined>(undefined);
  readonly rows = computed(() => {
    const rows = this.byKey.value;
    return rows && [...rows.values()].sort((a, b) => (a.sort < b.sort ? 1 : a.sort > b.sort ? -1 : 0));
  });
  private readonly byKey = signal<Map<string, Row> | null>(null);
  private readonly threads = new Map<string, Thread>();
  private readonly ends: (() => void)[] = [];
  private readonly abort = new AbortController();
  private list?: Subscription;
  private attached?: Promise<Outbox>;
  private spoken?: Language;

  constructor(readonly engine: Engine) {
    const { core, visit } = engine;
    const { signal: until } = this.abort;
    this.info.value = visit.info;
    this.status.value = core.live.status;
    this.unread.value = core.unread;
    this.claim.value = core.claim;
    const focus = () => (this.focused.value = document.hasFocus() && document.visibilityState !== 'hidden');
    for (const type of ['focus', 'blur', 'pageshow']) addEventListener(type, focus, { signal: until });
    document.addEventListener('visibilitychange', focus, { signal: until });
    for (const type of ['online', 'offline']) addEventListener(type, () => (this.online.value = type === 'online'), { signal: until });
    this.ends = [
      core.on('ready', () => this.dress()),
      core.on('status', (status) => (this.status.value = status)),
      core.on('unread', (count) => (this.unread.value = count)),
    ];
  }

  /** Who answers, who is there first. */
  readonly team = computed(() => this.info.value?.team || []);
  readonly isTeamOnline = computed(() => this.team.value.some((each) => each.online));
  /** When an answer may be expected, in the workspace's words or ours. */
  readonly availability = computed(() => {
    return this.info.value?.expected_reply || this.t(this.isTeamOnline.value ? 'teamOnline' : 'teamAway');
  });

  get t() {
    return this.words.value;
  }

  /** An address of ours, which the server may give as a path. */
  address(url: string): string {
    return new URL(url, this.engine.visit.api).href;
  }

  /** Everything needed before the first picture: the language, and what waits to be sent. */
  async prepare(): Promise<void> {
    await this.speak();
    if (this.engine.visit.consented) this.attach().catch(report);
  }

  /** Take over what has changed about the workspace or the language. */
  dress(): void {
    this.info.value = this.engine.visit.info;
    this.claim.value = this.engine.core.claim;
    this.speak().catch(report);
  }

  end(): void {
    this.abort.abort();
    for (const end of this.ends) end();
    this.leave();
  }

  /** The messenger has been opened, at a place or where the tab left it. */
  enter(view?: View): void {
    this.attach().catch(report);
    this.list ||= this.engine.core.live.subscribe('conversations.listByVisitor', {}, {
      snapshot: (data) => this.put(data.items, new Map()),
      delta: (items) => this.put(items, new Map(this.byKey.value)),
    });
    batch(() => {
      this.preview.value = null;
      this.shown.value = true;
      this.go(view || (this.thread.value ? this.place() : this.engine.place()));
    });
  }

  leave(): void {
    this.shown.value = false;
    this.thread.value?.unfollow();
    this.list?.end();
    this.list = undefined;
  }

  go(view: View): void {
    const { engine } = this;
    const before = this.thread.value;
    const thread = view.thread ? this.find(view.thread) : null;
    if (thread && view.text !== undefined) this.write(thread, view.text);
    if (before !== thread) before?.unfollow();
    batch(() => {
      this.tab.value = view.tab || 'home';
      this.thread.value = thread;
    });
    if (this.shown.value) thread?.follow();
    this.fetchConversation().catch(report);
    engine.remember(this.place());
  }

  /** Fetch what shows a conversation: it is wanted, or will be. */
  async fetchConversation(): Promise<void> {
    if (this.conversation.value) return;
    const { ThreadView, sheet } = await import('../conversation/index');
    const { root } = this.engine.panel.button;
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet()];
    this.conversation.value = ThreadView;
  }

  /** Put a text into the composer; it outlives the page until it is sent. */
  write(thread: Thread, text: string): void {
    thread.text.value = text;
    const name = draftOf(thread);
    this.engine.visit.own.set(name, text);
  }

  /** Send what is in the composer. The draft on disk goes when the message is safe in the outbox: a page that dies in between has one of them. */
  async send(thread: Thread): Promise<void> {
    const outbox = await this.attach();
    const conversation = thread.conversation.value;
    const text = thread.text.value;
    const body = text.trim();
    const files = thread.files.value;
    if (!body && !files.length) return;
    thread.text.value = '';
    thread.files.value = [];
    try {
      await outbox.send({ lane: conversation || thread.lane, conversation, body, files });
      this.write(thread, thread.text.value);
      thread.type(false);
    } catch (error) {
      this.write(thread, text + thread.text.value);
      thread.files.value = files;
      throw error;
    }
  }

  async stage(file: QueuedFile): Promise<void> {
    const outbox = await this.attach();
    Object.assign(file, await outbox.stage(file));
  }

  retry = (clientId: string) => void this.attach().then((outbox) => outbox.retry(clientId), report);
  discard = (clientId: string) => void this.attach().then((outbox) => outbox.discard(clientId), report);

  private place(): View {
    const thread = this.thread.value;
    return { tab: this.tab.value, thread: thread ? thread.conversation.value || thread.lane : undefined };
  }

  private find(name: string): Thread {
    const known = this.threads.get(name);
    if (known) return known;
    const { core } = this.engine;
    const isLane = name.startsWith(NEW);
    const thread = name === 'new' ? new Thread(core) : new Thread(core, name, isLane ? null : name);
    this.threads.set(thread.lane, thread);
    thread.text.value = this.engine.visit.own.get(draftOf(thread)) || '';
    if (isLane) {
      // After a reload: the lane may have become a conversation while nobody looked.
      this.attach()
        .then((outbox) => outbox.conversationOf(name))
        .then((conversation) => conversation && this.settle(thread, conversation), report);
    }
    return thread;
  }

  private settle(thread: Thread, conversation: string): void {
    if (thread.conversation.value) return;
    this.engine.visit.own.set(draftOf(thread), '');
    thread.become({ conversation } as Sent);
    this.threads.set(conversation, thread);
    this.write(thread, thread.text.value);
    if (this.thread.value === thread) this.engine.remember(this.place());
  }

  private attach(): Promise<Outbox> {
    if (!this.attached) {
      this.attached = this.engine.outbox().then((outbox) => {
        const show = () => (this.queue.value = outbox.messages);
        outbox.onChange(show);
        outbox.onSent((sent) => this.take(sent));
        show();
        return outbox;
      });
      this.attached.catch(() => (this.attached = undefined));
    }
    return this.attached;
  }

  private take(sent: Sent): void {
    batch(() => {
      const thread = this.threads.get(sent.lane) || this.threads.get(sent.conversation);
      if (thread) {
        // The message first: then nothing flickers when it leaves the queue.
        thread.insert([sent.message]);
        this.settle(thread, sent.conversation);
      }
      if (sent.row && this.byKey.value) this.put([{ key: sent.row.id, ...sent.row }], new Map(this.byKey.value));
    });
  }

  private put(items: Row[], into: Map<string, Row>): void {
    for (const item of items) {
      const key = item.key ?? item.id;
      const held = into.get(key);
      if (held && held.version > item.version) continue;
      if (item.removed) into.delete(key);
      else into.set(key, item);
    }
    this.byKey.value = into;
  }

  private async speak(): Promise<void> {
    const { language } = this.engine.panel;
    if (language === this.spoken) return;
    const strings = await catalogue(language);
    this.spoken = language;
    batch(() => {
      this.language.value = language;
      this.words.value = speaker(strings, language);
    });
  }
}

/** A file the visitor chose, in the outbox's terms. */
export function queued(file: File): QueuedFile {
  return { key: uuid(), name: file.name, type: file.type, size: file.size, blob: file };
}

const draftOf = (thread: Thread) => 'draft.' + (thread.conversation.value || 'new');
