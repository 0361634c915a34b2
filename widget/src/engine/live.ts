import { backoff } from '../launcher/backoff';
import { decode, encode } from '../launcher/json';

/** What a subscriber does with what the server pushes. */
export interface Handler {
  /** The whole answer; for a log also after a gap that could not be filled. */
  snapshot(data: any): void;
  /** What is new: rows to put or remove, or the next messages of a log, in order and without a hole. */
  delta?(items: any[]): void;
}

export interface Subscription extends Handler {
  id: string;
  query: string;
  params: object;
  /** A log is contiguous by `seq`; its version is the last one. */
  log: boolean;
  /** The last version received: where to resume. */
  version?: string;
  /** A head that the server named and we have not received. */
  missed?: string;
}

export type Status = 'idle' | 'connecting' | 'ready' | 'polling' | 'refused';

export interface Connection {
  url(): string;
  token(): string | undefined;
  /** The token was refused; get another. */
  renew(refused: string): Promise<void>;
  /** Called on every change of status. */
  changed(status: Status): void;
  /** Start polling for as long as sockets cannot connect; the answer stops it. */
  poll(live: Live): Promise<() => void>;
}

const SILENCE = 10_000;
/** Failures in a row after which we ask by HTTP as well. */
const PATIENCE = 3;

/** One socket for a tab, with subscriptions that survive it. */
export class Live {
  status: Status = 'idle';
  readonly subscriptions = new Map<string, Subscription>();
  private socket?: WebSocket;
  private wanted = false;
  private failures = 0;
  private counter = 0;
  private retry = 0;
  private beat = 0;
  private verdict = 0;
  private stopPolling?: () => void;
  private polls = false;

  constructor(private readonly connection: Connection) {}

  /** Subscribe to a live query; the returned function ends it. */
  subscribe(query: string, params: object, handler: Handler, from?: string): () => void {
    const subscription: Subscription = {
      id: 's' + ++this.counter,
      query,
      params,
      log: query === 'messages.list',
      version: from,
      snapshot: (data) => handler.snapshot(data),
      delta: (items) => handler.delta?.(items),
    };
    this.subscriptions.set(subscription.id, subscription);
    this.announce(subscription);
    return () => {
      if (this.subscriptions.delete(subscription.id)) this.send({ type: 'unsub', id: subscription.id });
    };
  }

  /** Say something ephemeral; lost when there is no socket. */
  tell(what: string, params: object): void {
    this.send({ type: 'tell', what, params });
  }

  /** Connect, and stay connected until `close`. */
  open(): void {
    this.wanted = true;
    if (this.socket || !this.connection.token()) return;
    clearTimeout(this.retry);
    this.set(this.polls ? 'polling' : 'connecting');
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.connection.url());
    } catch {
      this.lost(0);
      return;
    }
    this.socket = socket;
    const token = this.connection.token()!;
    // A proxy may hold the handshake for ever; so may a page that is asleep.
    this.judge();
    socket.addEventListener('open', () => this.send({ type: 'hello', token }));
    socket.addEventListener('message', (event) => {
      if (socket === this.socket) this.receive(decode(event.data as string));
    });
    socket.addEventListener('close', (event) => {
      if (socket === this.socket) this.lost(event.code, token);
    });
  }

  /** Hang up, keeping the subscriptions and their cursors. */
  close(): void {
    this.wanted = false;
    clearTimeout(this.retry);
    this.drop();
    this.endPolling();
    this.set('idle');
  }

  /** Try again now: the network or the tab is back. */
  hurry(): void {
    if (!this.wanted || this.status === 'ready' || this.status === 'refused') return;
    this.drop();
    this.open();
  }

  /** Take one frame, from the socket or from a poll. */
  receive(frame: any): void {
    const subscription: Subscription | undefined = frame && this.subscriptions.get(frame.id);
    switch (frame?.type) {
      case 'ready':
        clearTimeout(this.verdict);
        this.failures = Math.min(this.failures, 1);
        this.endPolling();
        this.set('ready');
        this.subscriptions.forEach((each) => this.announce(each));
        this.pace((frame.ping || 25) * 1000);
        break;
      case 'pong':
        clearTimeout(this.verdict);
        this.failures = 0;
        this.compare(frame.heads || {});
        break;
      case 'snapshot':
        if (!subscription) break;
        subscription.version = frame.version;
        subscription.missed = undefined;
        subscription.snapshot(frame.data);
        break;
      case 'delta':
        if (subscription) this.append(subscription, frame);
        break;
      case 'resync':
        if (subscription) subscription.version = undefined;
        break;
      case 'error':
        if (subscription && frame.code !== 'unavailable') this.subscriptions.delete(frame.id);
        else if (subscription) setTimeout(() => this.again(subscription), (frame.retry_after || 2) * 1000);
    }
  }

  private append(subscription: Subscription, frame: any): void {
    if (subscription.log) {
      const held = +(subscription.version || 0);
      const fresh = frame.items.filter((item: any) => item.seq > held);
      if (fresh.length && fresh[0].seq > held + 1) {
        this.again(subscription);
        return;
      }
      // A log's version moves only over what is held: a lost frame must stay visible as a hole.
      if (fresh.length) subscription.version = '' + fresh[fresh.length - 1].seq;
      frame.items = fresh;
    } else subscription.version = frame.version;
    subscription.missed = undefined;
    if (frame.items.length) subscription.delta!(frame.items);
  }

  /** The server says where everything stands; ask again for what we have not got. */
  private compare(heads: Record<string, string>): void {
    for (const id of Object.keys(heads)) {
      const subscription = this.subscriptions.get(id);
      const head = '' + heads[id];
      if (!subscription || head === subscription.version) continue;
      if (subscription.log) {
        if (+head > +(subscription.version || 0)) this.again(subscription);
      } else if (subscription.missed === head) this.again(subscription);
      // What changed this instant may still be on its way: it is missing if it is missing twice.
      else subscription.missed = head;
    }
  }

  private again(subscription: Subscription): void {
    if (!this.subscriptions.has(subscription.id)) return;
    subscription.missed = undefined;
    this.send({ type: 'unsub', id: subscription.id });
    this.announce(subscription);
  }

  private announce({ id, query, params, version }: Subscription): void {
    if (this.status === 'ready') this.send({ type: 'sub', id, query, params, from: version });
  }

  private send(frame: object): void {
    if (this.socket?.readyState === 1) this.socket.send(encode(frame));
  }

  private pace(interval: number): void {
    clearInterval(this.beat);
    this.beat = setInterval(() => {
      this.send({ type: 'ping' });
      this.judge();
    }, interval) as unknown as number;
  }

  /** Give the server ten seconds to say anything that clears this. */
  private judge(): void {
    clearTimeout(this.verdict);
    this.verdict = setTimeout(() => this.lost(0), SILENCE) as unknown as number;
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = undefined;
    clearInterval(this.beat);
    clearTimeout(this.verdict);
    try {
      socket?.close();
    } catch {
      // It never opened.
    }
  }

  private lost(code: number, token?: string): void {
    this.drop();
    if (!this.wanted) return;
    if (code === 4403 || code === 4409) {
      // Blocked, or replaced by this visitor's other tabs: coming back unasked would start a fight. `hurry` asks.
      this.set(code === 4403 ? 'refused' : 'connecting');
      return;
    }
    this.set(this.polls ? 'polling' : 'connecting');
    const again = () => {
      clearTimeout(this.retry);
      this.retry = setTimeout(() => this.open(), backoff(code === 4008 ? 0 : this.failures)) as unknown as number;
      this.failures++;
      if (this.failures >= PATIENCE && !this.polls) this.startPolling();
    };
    if (code === 4429) this.failures = Math.max(this.failures, 4);
    if (code === 4401 && token) this.connection.renew(token).then(again, again);
    else again();
  }

  private startPolling(): void {
    this.polls = true;
    this.connection.poll(this).then(
      (stop) => (this.polls ? ((this.stopPolling = stop), this.set('polling')) : stop()),
      () => (this.polls = false),
    );
  }

  private endPolling(): void {
    this.polls = false;
    this.stopPolling?.();
    this.stopPolling = undefined;
  }

  private set(status: Status): void {
    if (status === this.status) return;
    this.status = status;
    this.connection.changed(status);
  }
}
