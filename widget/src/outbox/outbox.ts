import { type Answer, isFinal } from '../boot/request';
import { backoff } from '../boot/backoff';
import type { Core } from '../engine/core';
import { report } from '../launcher/guard';
import { uuid } from '../engine/uuid';
import {
  type Database,
  type Lane,
  openDatabase,
  type Queued,
  type QueuedChange,
  type QueuedEvent,
  type QueuedFile,
  type QueuedMessage,
} from './database';

/** A message as the API gives it to a visitor. */
export interface Message {
  id: string;
  seq: number;
  kind: string;
  author: { kind: 'visitor' | 'member' | 'bot' | 'system'; id: string | null; name: string; avatar_url: string | null };
  body: string;
  attachments: Attachment[];
  client_id?: string;
  created_at: string;
}

export interface Attachment {
  id: string;
  name: string;
  content_type: string;
  size: number;
  width: number | null;
  height: number | null;
  url: string;
}

export interface Sent {
  lane: string;
  conversation: string;
  /** The conversation's row, when this message made it. */
  row?: any;
  message: Message;
}

export interface Draft {
  lane: string;
  conversation: string | null;
  body: string;
  files: QueuedFile[];
}

type Staged = Required<Pick<QueuedFile, 'id' | 'staged'>>;

type Outcome = 'done' | 'failed' | { retry: number };

const EVENTS = 'events';
const CHANGES = 'changes';
const STAGED_FOR = 50 * 60_000;

/**
 * What must reach the server exactly once. An entry is in the database, with an id made once, before the first byte leaves; it goes
 * only when the server has said yes or a final no. Any tab may send it: a lock lets one at a time, and the id makes a repeat harmless.
 */
export class Outbox {
  messages: QueuedMessage[] = [];
  private readonly lanes = new Map<string, { busy?: boolean; again?: boolean; timer?: number; attempt: number }>();
  private readonly uploads = new Map<string, Promise<Staged>>();
  private readonly changed: (() => void)[] = [];
  private readonly sent: ((sent: Sent) => void)[] = [];
  private readonly channel?: BroadcastChannel;
  private readonly abort = new AbortController();
  private closed = false;

  private constructor(
    private readonly core: Core,
    private readonly database: Database,
  ) {
    try {
      this.channel = new BroadcastChannel('opencom.' + core.visit.settings.workspace);
      this.channel.onmessage = (event) => {
        if (event.data) this.announce(event.data as Sent);
        this.refresh().catch(report);
      };
    } catch {
      // One tab at a time then; the lock and the ids still hold.
    }
    addEventListener('online', () => this.drain(), { signal: this.abort.signal });
    core.on('status', (status) => status === 'ready' && this.drain());
  }

  /** Open the queue of this session and start sending what is in it. */
  static async open(core: Core): Promise<Outbox> {
    const outbox = new Outbox(core, await openDatabase('opencom.' + core.visit.settings.workspace));
    await outbox.refresh();
    outbox.drain();
    return outbox;
  }

  close(): void {
    this.closed = true;
    this.abort.abort();
    this.channel?.close();
    this.database.close();
    this.lanes.forEach((lane) => clearTimeout(lane.timer));
  }

  onChange(listener: () => void): void {
    this.changed.push(listener);
  }

  onSent(listener: (sent: Sent) => void): void {
    this.sent.push(listener);
  }

  /** Which conversation a lane has become, if it has. */
  async conversationOf(lane: string): Promise<string | undefined> {
    return (await this.database.lanes()).find((each) => each.lane === lane)?.conversation;
  }

  /** Queue a message; it is safe once this resolves. */
  async send(draft: Draft): Promise<void> {
    const waiting = this.messages.find((each) => draft.conversation && each.conversation === draft.conversation && !each.failed);
    const entry: QueuedMessage = {
      ...draft,
      lane: waiting ? waiting.lane : draft.lane,
      kind: 'message',
      scope: this.core.visit.session.scope,
      client_id: uuid(),
      at: new Date().toISOString(),
    };
    await this.add(entry, entry.lane);
  }

  /** Queue an event. */
  async track(event: QueuedEvent['event']): Promise<void> {
    await this.add({ kind: 'event', scope: this.core.visit.session.scope, event }, EVENTS);
  }

  /** Queue a change of the visitor's record. */
  async change({ name, email, attributes }: QueuedChange['change']): Promise<void> {
    await this.add({ kind: 'change', scope: this.core.visit.session.scope, change: { name, email, attributes } }, CHANGES);
  }

  /** Send a refused message again, at the end of the queue: it keeps its id unless the server holds that id for other contents. */
  async retry(clientId: string): Promise<void> {
    const entry = this.find(clientId);
    if (!entry?.failed) return this.drain();
    const { failed, ...rest } = entry;
    await this.database.requeue({ ...rest, client_id: failed === 'client_id_reused' ? uuid() : rest.client_id });
    await this.woken(rest.lane);
  }

  /** Drop a refused message. */
  async discard(clientId: string): Promise<void> {
    const entry = this.find(clientId);
    if (entry?.failed) await this.database.settle([entry.order!]);
    await this.refresh();
    this.tell();
  }

  /** Upload a file ahead of its message; the message waits for it. */
  stage(file: QueuedFile): Promise<Staged> {
    const started = this.uploads.get(file.key);
    if (started) return started;
    const upload = this.upload(file);
    this.uploads.set(file.key, upload);
    upload.catch(() => this.uploads.delete(file.key));
    return upload;
  }

  /** Send whatever is waiting, now. */
  drain(): void {
    this.lanes.forEach((lane) => clearTimeout(lane.timer));
    this.database.all().then((entries) => {
      const names = new Set(entries.map(laneOf));
      names.forEach((name) => this.run(name));
    }, report);
  }

  private async add(entry: Queued, lane: string): Promise<void> {
    this.note();
    await this.database.add(entry);
    await this.woken(lane);
  }

  /** Whoever has something to send is to be known again, even where no answer has come yet. */
  private note(): void {
    const { visit } = this.core;
    visit.own.set('pending', '1');
    visit.keep(visit.session);
  }

  private async woken(lane: string): Promise<void> {
    // Said again, because another tab that saw an empty queue may have taken it back in between.
    this.note();
    await this.refresh();
    this.tell();
    this.run(lane);
  }

  private find(clientId: string): QueuedMessage | undefined {
    return this.messages.find((each) => each.client_id === clientId);
  }

  private async refresh(): Promise<void> {
    const entries = await this.database.all();
    const own = entries.filter((entry) => entry.scope === this.core.visit.session.scope);
    // What somebody else left in this browser is not ours to send.
    if (own.length < entries.length) await this.database.settle(entries.filter((each) => !own.includes(each)).map((each) => each.order!));
    this.messages = own.filter((entry) => entry.kind === 'message');
    if (!own.length) this.core.visit.own.set('pending', '');
    for (const listener of this.changed) listener();
  }

  private tell(sent?: Sent): void {
    this.channel?.postMessage(sent);
  }

  private announce(sent: Sent): void {
    for (const listener of this.sent) listener(sent);
  }

  /** Empty one lane, oldest first, one request at a time; `again` when something came while it was at work. */
  private run(name: string): void {
    const lane = this.lanes.get(name) || { attempt: 0 };
    this.lanes.set(name, lane);
    if (this.closed) return;
    if (lane.busy) {
      lane.again = true;
      return;
    }
    clearTimeout(lane.timer);
    lane.busy = true;
    const finish = (delay?: number) => {
      lane.busy = false;
      if (this.closed) return;
      if (delay !== undefined) lane.timer = setTimeout(() => this.run(name), delay) as unknown as number;
      else if (lane.again) {
        lane.again = false;
        this.run(name);
      }
    };
    this.locked(name, () => this.empty(name, lane)).then(finish, (error) => {
      if (!this.closed) report(error);
      finish(backoff(lane.attempt++));
    });
  }

  private locked<T>(name: string, work: () => Promise<T>): Promise<T> {
    // Without TLS there are no locks: then tabs may repeat each other, and the ids make that harmless.
    const { locks } = navigator;
    return locks ? (locks.request(`opencom.${this.core.visit.settings.workspace}.${name}`, work) as Promise<T>) : work();
  }

  /** Resolves with the milliseconds to wait when the lane must be tried later. */
  private async empty(name: string, lane: { attempt: number; again?: boolean }): Promise<number | undefined> {
    while (!this.closed) {
      lane.again = false;
      const { scope } = this.core.visit.session;
      const waiting = (await this.database.all()).filter(
        (entry) => entry.scope === scope && laneOf(entry) === name && !(entry.kind === 'message' && entry.failed),
      );
      const [first] = waiting;
      if (!first) return undefined;
      const outcome = await this.attempt(first, waiting);
      if (typeof outcome === 'object') {
        lane.attempt++;
        return Math.max(outcome.retry, 0);
      }
      lane.attempt = 0;
      await this.refresh();
      this.tell();
    }
    return undefined;
  }

  private async attempt(first: Queued, waiting: Queued[]): Promise<Outcome> {
    try {
      if (first.kind === 'message') return await this.sendMessage(first);
      if (first.kind === 'change') return this.conclude(first, await this.core.request('PATCH', '/widget/visitor', first.change));
      const batch = (waiting as QueuedEvent[]).slice(0, 100);
      const answer = await this.core.request('POST', '/widget/events', { events: batch.map((each) => each.event) });
      return this.conclude(first, answer, batch);
    } catch (error) {
      // No answer: the server may or may not have it. The id decides when it comes again.
      return this.core.visit.refused ? { retry: 60_000 } : this.later(first);
    }
  }

  private async sendMessage(entry: QueuedMessage): Promise<Outcome> {
    // It may have been queued for a conversation that was being made at that moment.
    entry.conversation ||= (await this.conversationOf(entry.lane)) || null;
    for (const file of entry.files) {
      // Once a request named these files, other files under the same id would be another message.
      if (file.id && (entry.tried || Date.now() - file.staged! < STAGED_FOR)) continue;
      try {
        Object.assign(file, await this.stage(file));
      } catch (error) {
        const answer = error as Partial<Answer>;
        if (answer.status && isFinal(answer.status)) return this.fail(entry, answer.data?.error?.code || 'file');
        return this.later(entry, answer);
      }
    }
    if (!entry.tried) {
      entry.tried = true;
      await this.database.put(entry);
    }
    const answer = await this.core.request(
      'POST',
      entry.conversation ? `/conversations/${entry.conversation}/messages` : '/conversations',
      { client_id: entry.client_id, body: entry.body, attachments: entry.files.length ? entry.files.map((file) => file.id) : undefined },
    );
    if (answer.status === 200 || answer.status === 201) {
      const { conversation: row, message } = entry.conversation ? { conversation: undefined, message: answer.data } : answer.data;
      const sent: Sent = { lane: entry.lane, conversation: entry.conversation || row.id, row, message };
      const lane: Lane | undefined = row && { lane: entry.lane, conversation: row.id };
      await this.database.settle([entry.order!], lane);
      this.announce(sent);
      this.tell(sent);
      if (lane) this.run(lane.conversation);
      return 'done';
    }
    if (!isFinal(answer.status)) return this.later(entry, answer);
    if (entry.files.some((file) => Date.now() - file.staged! > STAGED_FOR) && (answer.status === 400 || answer.status === 404)) {
      // The staged files have expired and nothing was kept, so the message may bring them again.
      for (const file of entry.files) {
        file.id = undefined;
        this.uploads.delete(file.key);
      }
      await this.database.put({ ...entry, tried: false });
      return { retry: 0 };
    }
    return this.fail(entry, answer.data?.error?.code || '' + answer.status);
  }

  private later(entry: Queued, { retryAfter }: Partial<Answer> = {}): Outcome {
    const jitter = backoff(this.lanes.get(laneOf(entry))?.attempt || 0);
    return { retry: retryAfter === undefined ? jitter : retryAfter + Math.min(jitter, 1000) };
  }

  private async fail(entry: QueuedMessage, code: string): Promise<Outcome> {
    await this.database.put({ ...entry, failed: code });
    return 'failed';
  }

  private async conclude(entry: QueuedEvent | QueuedChange, answer: Answer, batch: Queued[] = [entry]): Promise<Outcome> {
    if (answer.status !== 200 && !isFinal(answer.status)) return this.later(entry, answer);
    if (answer.status !== 200) report(`the server refused ${entry.kind}: ${answer.data?.error?.message || answer.status}`);
    await this.database.settle(batch.map((each) => each.order!));
    return 'done';
  }

  private async upload(file: QueuedFile): Promise<Staged> {
    const form = new FormData();
    form.append('file', file.blob, file.name);
    const answer = await this.core.request('POST', '/attachments', form, 120_000);
    if (answer.status !== 201) throw answer;
    return { id: answer.data.id, staged: Date.now() };
  }
}

function laneOf(entry: Queued): string {
  return entry.kind === 'message' ? entry.lane : entry.kind === 'event' ? EVENTS : CHANGES;
}
