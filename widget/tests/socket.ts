import { vi } from 'vitest';

/** A WebSocket whose other end is the test. */
export class Socket extends EventTarget {
  static all: Socket[] = [];
  readyState = 0;
  sent: any[] = [];

  constructor(readonly url: string) {
    super();
    Socket.all.push(this);
  }

  static install(): void {
    Socket.all = [];
    vi.stubGlobal('WebSocket', Socket);
  }

  static get last(): Socket {
    return Socket.all[Socket.all.length - 1]!;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.dispatchEvent(new Event('open'));
  }

  say(frame: object): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(frame) }));
  }

  drop(code: number): void {
    this.readyState = 3;
    this.dispatchEvent(Object.assign(new Event('close'), { code }));
  }

  /** Open and greet. */
  ready(): void {
    this.open();
    this.say({ type: 'ready', epoch: 'e', ping: 25 });
  }

  subs(query?: string): any[] {
    return this.sent.filter((frame) => frame.type === 'sub' && (!query || frame.query === query));
  }
}
