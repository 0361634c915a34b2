import type { Attributes } from '../launcher/settings';

export interface QueuedFile {
  /** Names the file while it is in our hands; a blob that has been through the database is another object. */
  key: string;
  name: string;
  type: string;
  size: number;
  blob: Blob;
  /** The server's id and when it was given: a staged file lives for an hour. */
  id?: string;
  staged?: number;
}

interface Entry {
  /** Position in the queue, given by the database. */
  order?: number;
  /** The session that made it; nobody else may send it. */
  scope: string;
}

export interface QueuedMessage extends Entry {
  kind: 'message';
  client_id: string;
  /** Messages of one lane leave one after another. A lane is a conversation, or one that is still to be made. */
  lane: string;
  conversation: string | null;
  body: string;
  files: QueuedFile[];
  at: string;
  /** Set when the server has refused it for good. */
  failed?: string;
  /** Whether a request with these very contents has been made. */
  tried?: boolean;
}

export interface QueuedEvent extends Entry {
  kind: 'event';
  event: { id: string; name: string; properties?: Attributes; url?: string; at: string };
}

export interface QueuedChange extends Entry {
  kind: 'change';
  change: { name?: string; email?: string; attributes?: Attributes };
}

export type Queued = QueuedMessage | QueuedEvent | QueuedChange;

/** Which conversation came of a lane, for tabs that still call it by its first name. */
export interface Lane {
  lane: string;
  conversation: string;
}

const QUEUE = 'queue';
const LANES = 'lanes';

/** Where the queue is kept: IndexedDB, or memory where the browser has none for us. */
export interface Database {
  all(): Promise<Queued[]>;
  add(entry: Queued): Promise<Queued>;
  put(entry: Queued): Promise<void>;
  /** Move an entry to the end of the queue. */
  requeue(entry: Queued): Promise<void>;
  /** Remove entries, and in the same transaction write down what became of a lane and of those that wait in it. */
  settle(done: number[], lane?: Lane): Promise<void>;
  lanes(): Promise<Lane[]>;
  close(): void;
}

export async function openDatabase(name: string): Promise<Database> {
  try {
    return new Indexed(name, await connect(name));
  } catch {
    return new Memory();
  }
}

function connect(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(QUEUE, { keyPath: 'order', autoIncrement: true });
      request.result.createObjectStore(LANES, { keyPath: 'lane' });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('blocked'));
  });
}

class Indexed implements Database {
  private isClosed = false;

  constructor(
    private readonly name: string,
    private connection: IDBDatabase | undefined,
  ) {
    this.watch();
  }

  all(): Promise<Queued[]> {
    return this.run('readonly', (queue) => queue.getAll());
  }

  async add(entry: Queued): Promise<Queued> {
    const order = await this.run<IDBValidKey>('readwrite', (queue) => queue.add(entry));
    return { ...entry, order: order as number };
  }

  async put(entry: Queued): Promise<void> {
    await this.run('readwrite', (queue) => queue.put(entry));
  }

  async requeue({ order, ...entry }: Queued): Promise<void> {
    await this.run('readwrite', (queue) => {
      queue.delete(order!);
      return queue.add(entry);
    });
  }

  async settle(done: number[], lane?: Lane): Promise<void> {
    await this.run('readwrite', (queue, lanes) => {
      for (const order of done) queue.delete(order);
      if (lane) {
        lanes.put(lane);
        const waiting: IDBRequest<Queued[]> = queue.getAll();
        waiting.onsuccess = () => {
          for (const entry of waiting.result) {
            if (entry.kind === 'message' && entry.lane === lane.lane) queue.put({ ...entry, ...lane, lane: lane.conversation });
          }
        };
      }
      return queue.count();
    });
  }

  lanes(): Promise<Lane[]> {
    return this.run('readonly', (_, lanes) => lanes.getAll());
  }

  close(): void {
    this.isClosed = true;
    this.connection?.close();
  }

  /** One transaction; resolves when it is complete, which is when it survives. */
  private async run<T>(mode: IDBTransactionMode, work: (queue: IDBObjectStore, lanes: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    if (this.isClosed) throw new Error('closed');
    if (!this.connection) {
      // Taken away by a log-out in another tab, or by the browser.
      this.connection = await connect(this.name);
      this.watch();
    }
    const transaction = this.connection.transaction([QUEUE, LANES], mode);
    const request = work(transaction.objectStore(QUEUE), transaction.objectStore(LANES));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }

  private watch(): void {
    const lose = () => {
      this.connection?.close();
      this.connection = undefined;
    };
    this.connection!.onversionchange = this.connection!.onclose = lose;
  }
}

class Memory implements Database {
  private entries: Queued[] = [];
  private known: Lane[] = [];
  private last = 0;

  async all(): Promise<Queued[]> {
    return this.entries.map((entry) => ({ ...entry }));
  }

  async add(entry: Queued): Promise<Queued> {
    const added = { ...entry, order: ++this.last };
    this.entries.push(added);
    return { ...added };
  }

  async put(entry: Queued): Promise<void> {
    this.entries = this.entries.map((each) => (each.order === entry.order ? { ...entry } : each));
  }

  async requeue(entry: Queued): Promise<void> {
    await this.settle([entry.order!]);
    await this.add(entry);
  }

  async settle(done: number[], lane?: Lane): Promise<void> {
    this.entries = this.entries.filter((entry) => !done.includes(entry.order!));
    if (!lane) return;
    this.known.push(lane);
    this.entries = this.entries.map((entry) =>
      entry.kind === 'message' && entry.lane === lane.lane ? { ...entry, ...lane, lane: lane.conversation } : entry,
    );
  }

  async lanes(): Promise<Lane[]> {
    return this.known;
  }

  close(): void {}
}
