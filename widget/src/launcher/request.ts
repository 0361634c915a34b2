import { decode, encode } from './json';

export interface Answer {
  status: number;
  data: any;
  /** Milliseconds the server asked us to wait, when it did. */
  retryAfter?: number;
}

/** One request; rejects when no answer came, and then nothing is known about what the server did. */
export async function request(method: string, url: string, body?: unknown, token?: string, limit = 30_000, signal?: AbortSignal): Promise<Answer> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  const timer = setTimeout(stop, limit);
  signal?.addEventListener('abort', stop);
  const isForm = body instanceof FormData;
  try {
    const response = await fetch(url, {
      method,
      headers: { ...(token && { Authorization: 'Bearer ' + token }), ...(body && !isForm ? { 'Content-Type': 'application/json' } : {}) },
      body: isForm ? body : body ? encode(body) : undefined,
      credentials: 'omit',
      cache: 'no-store',
      signal: abort.signal,
    });
    const data = decode(await response.text());
    const seconds = response.headers.get('Retry-After') ?? data?.error?.retry_after;
    return { status: response.status, data, retryAfter: seconds == null ? undefined : +seconds * 1000 };
  } finally {
    clearTimeout(timer);
  }
}

/** Whether an answer settles the matter. Everything else may be tried again. */
export function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && !/^(401|408|423|425|429)$/.test('' + status);
}
