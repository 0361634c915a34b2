// Requests to our own server: the JSON API, and pages' fragments.

/** A request that didn't succeed. `status` 0: the network didn't carry it, and the same request may be made again. */
export class Refused extends Error {
  constructor(status, { code = "unavailable", message = "The server can't be reached.", fields, ...rest } = {}, retryAfter = 0) {
    super(message);
    Object.assign(this, { status, code, fields, details: rest, retryAfter });
  }

  /** Whether the same request may succeed later, unchanged. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const meta = document.querySelector('meta[name="csrf-token"]');

const WORDS = {
  403: "You may not do this.",
  404: "This doesn't exist any more.",
  413: "This is too large.",
  429: "Too many requests. Wait a moment.",
};

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0);
  }
  if (response.status === 401 || (response.redirected && new URL(response.url).pathname.startsWith("/sign-in/"))) {
    location.assign(`/sign-in/?next=${encodeURIComponent(location.pathname + location.search)}`);
    throw new Refused(401, { code: "not_authenticated", message: "You are signed out." });
  }
  return response;
}

async function refusal(response) {
  const answer = await response.json().catch(() => ({}));
  const message = WORDS[response.status] ?? "The server has a problem. Try again in a moment.";
  return new Refused(response.status, answer.error ?? { code: "unknown", message }, Number(response.headers.get("Retry-After")) || 0);
}

/** Signing in anew in another tab made this page's token stale; the session knows the current one. */
async function renewToken() {
  const response = await request("/api/v1/session", { headers: { Accept: "application/json" } });
  if (response.ok) meta.content = (await response.json()).csrf;
}

/** Send something to the API, once more where the page's token was stale. Returns the Response. Throws Refused. */
async function send(method, path, body, { keepalive = false, signal, again = false } = {}) {
  const isForm = body instanceof FormData;
  const headers = { Accept: "application/json", "X-CSRFToken": meta.content };
  if (body && !isForm) headers["Content-Type"] = "application/json";
  const response = await request(`/api/v1${path}`, {
    method, headers, keepalive, signal, body: isForm || !body ? body : JSON.stringify(body),
  });
  if (response.ok) return response;
  const refused = await refusal(response);
  if (refused.code !== "csrf_failed" || again) throw refused;
  await renewToken();
  return send(method, path, body, { keepalive, signal, again: true });
}

/** Call the API. Returns the answer's JSON, undefined for none. Throws Refused. */
export async function call(method, path, body, options) {
  const response = await send(method, path, body, options);
  return response.status === 204 ? undefined : response.json();
}

/** Ask the API for a file and keep it under a name. `onPiece(bytes, total)` hears how far it is. Throws Refused. */
export async function download(path, body, name, onPiece) {
  const response = await send("POST", path, body);
  const total = Number(response.headers.get("X-Total-Count"));
  const pieces = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    onPiece(value, total);
  }
  const address = URL.createObjectURL(new Blob(pieces, { type: response.headers.get("Content-Type") }));
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}

/** Fetch one named part of a page. Returns its nodes in a DocumentFragment. Throws Refused. */
export async function fragment(path, name, { signal } = {}) {
  const response = await request(path, { headers: { "X-Fragment": name, Accept: "text/html" }, signal });
  if (!response.ok) throw await refusal(response);
  return parse(await response.text());
}

/** Make nodes of HTML that our own templates wrote (nothing else ever comes here). */
export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return document.importNode(template.content, true);
}

/** A UUID, where the page is served without TLS too (crypto.randomUUID asks for a secure context). */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
