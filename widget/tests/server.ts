import { vi } from 'vitest';

export interface Seen {
  method: string;
  path: string;
  body: any;
  token?: string;
}

type Reply = { status: number; data?: unknown; headers?: Record<string, string> } | 'down' | 'lost';

/**
 * A small server behind `fetch`: it keeps messages by their ids as the real one does. `fail` makes the next requests go wrong: `down`
 * never arrives, `lost` is done but its answer does not come back.
 */
export class Server {
  seen: Seen[] = [];
  conversations = new Map<string, { id: string; messages: any[] }>();
  events: any[] = [];
  visitor: any = {};
  failures: Reply[] = [];
  boots = 0;
  valid = 'wst_1';
  private byClientId = new Map<string, { content: string; answer: any }>();

  constructor() {
    vi.stubGlobal('fetch', (url: string, options: any) => this.answer(url, options));
  }

  fail(...failures: Reply[]): void {
    this.failures.push(...failures);
  }

  bodies(conversation?: string): string[] {
    const all = [...this.conversations.values()].filter((each) => !conversation || each.id === conversation);
    return all.flatMap((each) => each.messages.map((message) => message.body));
  }

  private async answer(url: string, { method, body, headers, signal }: any): Promise<Response> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (signal?.aborted) throw new TypeError('aborted');
    const path = new URL(url).pathname.replace('/api/v1', '');
    const seen = { method, path, body: typeof body === 'string' ? JSON.parse(body) : body, token: headers.Authorization?.slice(7) };
    this.seen.push(seen);
    const failure = path === '/widget/boot' ? undefined : this.failures.shift();
    if (failure === 'down') throw new TypeError('Failed to fetch');
    if (failure && failure !== 'lost') return respond(failure.status, failure.data, failure.headers);
    if (path !== '/widget/boot' && seen.token !== this.valid) return respond(401, { error: { code: 'session_expired' } });
    const [status, data] = this.route(seen);
    if (failure === 'lost') throw new TypeError('Failed to fetch');
    return respond(status, data);
  }

  private route({ method, path, body }: Seen): [number, unknown] {
    if (path === '/widget/boot') {
      this.boots++;
      return [200, boot(this.valid)];
    }
    if (path === '/widget/events') {
      const known = new Set(this.events.map((each) => each.id));
      this.events.push(...body.events.filter((each: any) => !known.has(each.id)));
      return [200, {}];
    }
    if (path === '/widget/visitor') {
      Object.assign(this.visitor, body);
      return [200, this.visitor];
    }
    if (path === '/attachments') return [201, { id: 'file-' + this.seen.length }];
    const before = this.byClientId.get(body?.client_id);
    const content = JSON.stringify([body?.body, body?.attachments]);
    if (before) return before.content === content ? [200, before.answer] : [409, { error: { code: 'client_id_reused' } }];
    if (method === 'POST' && path === '/conversations') {
      const conversation = { id: 'c' + (this.conversations.size + 1), messages: [] };
      this.conversations.set(conversation.id, conversation);
      const answer = { conversation: { id: conversation.id, version: 1, sort: '1' }, message: this.append(conversation, body) };
      this.byClientId.set(body.client_id, { content, answer });
      return [201, answer];
    }
    const conversation = this.conversations.get(path.split('/')[2]!);
    if (!conversation) return [404, { error: { code: 'not_found' } }];
    const answer = this.append(conversation, body);
    this.byClientId.set(body.client_id, { content, answer });
    return [201, answer];
  }

  private append(conversation: { messages: any[] }, body: any): any {
    const message = {
      id: 'm' + conversation.messages.length,
      seq: conversation.messages.length + 1,
      kind: 'message',
      author: { kind: 'visitor', id: 'v', name: '', avatar_url: null },
      body: body.body,
      attachments: [],
      client_id: body.client_id,
      created_at: new Date().toISOString(),
    };
    conversation.messages.push(message);
    return message;
  }
}

export function boot(token = 'wst_1') {
  return {
    token,
    refresh_after: 3600,
    unread: 0,
    last_unread: null,
    live_url: 'wss://live.example/ws/',
    poll_url: 'https://live.example/live/poll',
    workspace: { id: 'w1', name: 'Shop' },
    messenger: { greeting: 'Hello', launcher: { position: 'right', side_spacing: 20, bottom_spacing: 20, show: true, icon_url: null }, primary_color: '#1f5eff', background_color: '#1f5eff', languages: [], default_language: 'en' },
    team: [],
    expected_reply: null,
  };
}

function respond(status: number, data?: unknown, headers?: Record<string, string>): Response {
  return new Response(status === 204 ? null : JSON.stringify(data ?? {}), { status, headers });
}
