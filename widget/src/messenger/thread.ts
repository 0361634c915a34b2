import { batch, computed, signal } from './signals';
import type { Core } from '../engine/core';
import { random } from '../boot/session';
import type { Subscription } from '../engine/live';
import type { QueuedFile } from '../outbox/database';
import type { Message, Outbox, Sent } from '../outbox/outbox';

export interface Typist {
  kind: string;
  id: string;
  name: string;
}

/** Starts the name of a lane that has no conversation yet. */
export const NEW = 'new-';

const FORGET_TYPING = 8000;
const TYPING_EVERY = 3000;

/** One conversation as the visitor sees it; it may not exist on the server yet. */
export class Thread {
  readonly conversation = signal<string | null>(null);
  readonly messages = signal<Message[]>([]);
  readonly loaded = signal(false);
  readonly more = signal(false);
  readonly loadingMore = signal(false);
  readonly status = signal('open');
  readonly seenByAgents = signal(0);
  readonly typists = signal<Typist[]>([]);
  /** What is in the composer. */
  readonly text = signal('');
  readonly files = signal<QueuedFile[]>([]);
  /** Why the last file was not taken. */
  readonly problem = signal('');
  readonly last = computed(() => this.messages.value[this.messages.value.length - 1]);
  private seenSent = 0;
  private subscriptions: Subscription[] = [];
  /** The ended subscription to the messages, to go on from. */
  private log?: Subscription;
  private typingTimer = 0;
  private typedAt = 0;
  private open = false;

  /** `lane` is the conversation's id, or a name of our own until it has one. */
  constructor(
    private readonly core: Core,
    readonly lane: string = NEW + random(12),
    conversation: string | null = null,
  ) {
    this.conversation.value = conversation;
    if (!conversation) this.loaded.value = true;
  }

  /** Follow the conversation live, from where we were. */
  follow(): void {
    this.open = true;
    const conversation = this.conversation.value;
    if (!conversation || this.subscriptions.length) return;
    const { live } = this.core;
    this.log = live.subscribe('messages.list', { conversation }, {
      snapshot: (data) => this.take(data),
      delta: (items) => this.insert(items),
    }, this.log);
    this.subscriptions = [
      this.log,
      live.subscribe('conversations.get', { conversation }, {
        snapshot: (data) => {
          this.seenByAgents.value = data.seen_by_agents;
          this.status.value = data.status;
        },
      }),
      live.subscribe('conversations.activity', { conversation }, {
        snapshot: (data) => {
          clearTimeout(this.typingTimer);
          this.typists.value = data.typing;
          this.typingTimer = setTimeout(() => (this.typists.value = []), FORGET_TYPING) as unknown as number;
        },
      }),
    ];
  }

  unfollow(): void {
    this.open = false;
    for (const subscription of this.subscriptions) subscription.end();
    this.subscriptions = [];
    clearTimeout(this.typingTimer);
    this.typists.value = [];
  }

  /** Our first message made the conversation. */
  become(sent: Sent): void {
    if (this.conversation.value) return;
    this.conversation.value = sent.conversation;
    if (this.open) this.follow();
  }

  /** Put messages in their places; what is already there stays as it is, unless it is newer. */
  insert(items: Message[]): void {
    const bySeq = new Map(this.messages.value.map((each) => [each.seq, each]));
    for (const item of items) bySeq.set(item.seq, item);
    batch(() => {
      this.messages.value = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
      const writers = items.map((each) => each.author.id);
      this.typists.value = this.typists.value.filter((each) => !writers.includes(each.id));
    });
  }

  /** Older messages, when the reader reaches the top. */
  async loadMore(): Promise<void> {
    const first = this.messages.value[0];
    const conversation = this.conversation.value;
    if (!first || !conversation || this.loadingMore.value) return;
    this.loadingMore.value = true;
    try {
      const answer = await this.core.request('GET', `/conversations/${conversation}/messages?before=${first.seq}&limit=30`);
      if (answer.status !== 200) return;
      batch(() => {
        this.insert(answer.data.items);
        this.more.value = answer.data.more;
      });
    } finally {
      this.loadingMore.value = false;
    }
  }

  /** The visitor has the last message before their eyes. */
  async see(): Promise<void> {
    const last = this.last.value;
    const conversation = this.conversation.value;
    if (!last || !conversation || last.seq <= this.seenSent) return;
    const before = this.seenSent;
    this.seenSent = last.seq;
    try {
      const answer = await this.core.request('PUT', `/conversations/${conversation}/seen`, { seq: last.seq });
      if (answer.status !== 204) this.seenSent = before;
    } catch {
      this.seenSent = before;
    }
  }

  /** Say that the visitor is writing, or has stopped. */
  type(active: boolean): void {
    const now = Date.now();
    const conversation = this.conversation.value;
    if (!conversation || (active ? now - this.typedAt < TYPING_EVERY : !this.typedAt)) return;
    this.typedAt = active ? now : 0;
    this.core.live.tell('typing', { conversation, active });
  }

  /** Messages that wait in the outbox for this conversation, without those that have already come back. */
  waiting(outbox: Outbox['messages']): Outbox['messages'] {
    const arrived = new Set(this.messages.value.map((each) => each.client_id));
    const conversation = this.conversation.value;
    return outbox.filter(
      (each) => (each.lane === this.lane || (conversation && each.conversation === conversation)) && !arrived.has(each.client_id),
    );
  }

  private take(data: { items: Message[]; more: boolean }): void {
    const held = this.messages.value;
    const first = data.items[0];
    const joins = first && held.length && first.seq <= held[held.length - 1]!.seq + 1 && first.seq >= held[0]!.seq;
    batch(() => {
      if (!joins) {
        this.messages.value = [];
        this.more.value = data.more;
      }
      this.insert(data.items);
      this.loaded.value = true;
    });
  }
}
