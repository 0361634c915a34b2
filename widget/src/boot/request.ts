import { decode, encode } from '../launcher/json';

export interface Answer {
  status: number;
  data: any;
  /** Milliseconds the server asked us to wait, when it did. */
  retryAfter?: number;
}

/**
 * One request; rejects when no answer came, and then nothing is known about what the server did. Without a limit it is one that goes on
 * when its page is gone.
 */
export async function request(method: string, url: string, body?: unknown, token?: string, limit = 30_000, signal?: AbortSignal): Promise<Answer> {
  const isForm = body instanceof FormData;
  const headers: Record<string, string> = {};
  if (token) headers.Authorization = 'Bearer ' + token;
  if (body && !isForm) headers['Content-Type'] = 'application/json';
  const response = await fetch(url, {
    method,
    headers,
    body: isForm ? body : body && encode(body),
    credentials: 'omit',
    keepalive: !limit,
    signal: signal || (limit ? AbortSignal.timeout(limit) : undefined),
  } as RequestInit);
  const data = decode(await response.text());
  const seconds = response.headers.get('Retry-After');
  return { status: response.status, data, retryAfter: seconds ? +seconds * 1000 : undefined };
}

/** Whether an answer settles the matter. Everything else may be tried again. */
export function isFinal(status: number): boolean {
  return /^4(?!01|08|2[359])/.test('' + status);
}
