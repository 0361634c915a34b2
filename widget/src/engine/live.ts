import { backoff } from '../boot/backoff';
import { guard } from '../launcher/guard';
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
  /** A log is contiguous by `seq`: this is the last one held. Rows and values have none. */
  seq?: number;
  /** The last version received, opaque: where to resume. */
  version?: string;
  /** A head that the server named and we have not received. */
  missed?: string;
  /** End the subscription. */
  end(): void;
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

  /** Subscribe to a live query; `held` is an earlier subscription to the same, to go on from. */
  subscribe(query: string, params: object, handler: Handler, held?: Subscription): Subscription {
    const id = 's' + ++this.counter;
    const subscription: Subscription = {
      ...handler,
      id,
      query,
      params,
      version: held?.version,
      seq: held?.seq,
      end: () => {
        if (this.subscriptions.delete(id)) this.send({ type: 'unsub', id });
      },
    };
    this.subscriptions.set(id, subscription);
    this.announce(subscription);
    return subscription;
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
    const token = this.connection.token()!;
    // A proxy may hold the handshake for ever; so may a page that is asleep.
    this.judge();
    try {
      const socket = (this.socket = new WebSocket(this.connection.url()));
      const ours = <E>(work: (event: E) => void) => guard((event: E) => socket === this.socket && work(event));
      socket.addEventListener('open', ours(() => this.send({ type: 'hello', token })));
      socket.addEventListener('message', ours<MessageEvent>((event) => this.receive(decode(event.data))));
      socket.addEventListener('close', ours<CloseEvent>((event) => this.lost(event.code, token)));
    } catch {
      // Forbidden by the page's policy, or not a socket at all.
      this.lost(0);
    }
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
        this.advance(subscription, frame.version);
        subscription.snapshot(frame.data);
        break;
      case 'delta':
        if (subscription) this.append(subscription, frame);
        break;
      case 'resync':
        if (subscription) subscription.version = subscription.seq = undefined;
        break;
      case 'error':
        if (subscription && frame.code !== 'unavailable') this.subscriptions.delete(frame.id);
        else if (subscription) setTimeout(() => this.again(subscription), (frame.retry_after || 2) * 1000);
    }
  }

  private append(subscription: Subscription, frame: any): void {
    let { items } = frame;
    const { seq } = subscription;
    if (seq !== undefined) {
      items = items.filter((item: any) => item.seq > seq);
      // A hole: something was lost on the way. The version stays, so that it is asked for again.
      if (items.length && items[0].seq > seq + 1) return this.again(subscription);
    }
    this.advance(subscription, frame.version);
    if (items.length) subscription.delta!(items);
  }

  private advance(subscription: Subscription, version: string): void {
    subscription.version = version;
    subscription.missed = undefined;
    if (subscription.query === 'messages.list') subscription.seq = sequence(version);
  }

  /** The server says where everything stands; ask again for what we have not got. */
  private compare(heads: Record<string, string>): void {
    for (const id of Object.keys(heads)) {
      const subscription = this.subscriptions.get(id);
      const head = heads[id]!;
      if (!subscription || head === subscription.version) continue;
      // What changed this instant may still be on its way: it is missing if it is missing twice. A log says how far it is.
      if (subscription.missed === head || sequence(head) > (subscription.seq ?? Infinity)) this.again(subscription);
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
    if (this.status === 'ready') this.send({ type: 'sub', id, query, params, from: version || undefined });
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

/** The sequence number at the end of a log's version. */
function sequence(version: string): number {
  return +version.slice(version.lastIndexOf('.') + 1);
}
