// The tab's one socket. Subscriptions outlive it: each resumes from the last version it holds.
import { call, Refused } from "./api.js";

const PONG_MS = 10_000;
const HELLO_MS = 10_000;
const GONE_FOR_GOOD = new Set([4400, 4403]);

class Live extends EventTarget {
  state = "connecting";
  #socket = null;
  #subscriptions = new Map();
  #said = new Map();
  #attempts = 0;
  #timer = 0;
  #ping = 0;
  #deadline = 0;
  #names = 0;
  #wanted = false;
  #opening = false;

  constructor() {
    super();
    addEventListener("online", () => this.#hurry());
    addEventListener("offline", () => this.#set("offline"));
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#hurry());
    addEventListener("pagehide", () => this.#drop());
    addEventListener("pageshow", (event) => event.persisted && this.#hurry());
  }

  /** Subscribe to a query. `on` has snapshot(data), and for lists delta(items) and resync(). Returns {version, restart, end}. */
  subscribe({ query, params = {}, as = "html", from, on }) {
    const id = `${query}#${(this.#names += 1)}`;
    const subscription = {
      query, params, as, on, version: from,
      restart: () => this.#send({ type: "unsub", id }) && this.#sub(id, subscription),
      end: () => {
        this.#subscriptions.delete(id);
        this.#send({ type: "unsub", id });
      },
    };
    this.#subscriptions.set(id, subscription);
    if (this.state === "online") this.#sub(id, subscription);
    else if (!this.#wanted) this.#connect();
    return subscription;
  }

  /** Say something that holds for a moment. What is `standing` is said again after a reconnect. */
  tell(what, params, { standing = false } = {}) {
    if (standing) this.#said.set(what, params);
    this.#send({ type: "tell", what, params });
  }

  #sub(id, { query, params, as, version }) {
    this.#send({ type: "sub", id, query, params, as, ...(version && { from: version }) });
  }

  #send(frame) {
    if (this.state !== "online" && frame.type !== "hello") return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  async #connect() {
    this.#wanted = true;
    if (this.#opening) return;
    this.#opening = true;
    clearTimeout(this.#timer);
    let pass;
    try {
      pass = await call("POST", "/live/tickets");
    } catch (error) {
      if (error instanceof Refused && error.status !== 401) this.#later();
      return;
    } finally {
      this.#opening = false;
    }
    const socket = (this.#socket = new WebSocket(pass.live_url));
    this.#expect(HELLO_MS);
    socket.onopen = () => this.#send({ type: "hello", ticket: pass.ticket });
    socket.onmessage = (event) => socket === this.#socket && this.#hear(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.#socket && this.#lost(event.code);
  }

  #hear(frame) {
    clearTimeout(this.#deadline);
    const subscription = this.#subscriptions.get(frame.id);
    switch (frame.type) {
      case "ready":
        this.#attempts = 0;
        this.#set("online");
        this.#ping = setInterval(() => this.#send({ type: "ping" }) && this.#expect(PONG_MS), frame.ping * 1000);
        for (const [id, each] of this.#subscriptions) this.#sub(id, each);
        for (const [what, params] of this.#said) this.#send({ type: "tell", what, params });
        return;
      case "snapshot":
        if (!subscription) return;
        subscription.version = frame.version;
        subscription.on.snapshot(frame.data);
        return;
      case "delta":
        if (!subscription) return;
        subscription.version = frame.version;
        if (frame.items.length) subscription.on.delta?.(frame.items);
        return;
      case "resync":
        if (subscription) subscription.version = undefined;
        subscription?.on.resync?.();
        return;
      case "error":
        subscription?.on.error?.(frame);
    }
  }

  #expect(within) {
    clearTimeout(this.#deadline);
    const socket = this.#socket;
    this.#deadline = setTimeout(() => socket === this.#socket && this.#lost(0), within);
  }

  #lost(code) {
    this.#drop();
    if (GONE_FOR_GOOD.has(code)) this.#set("refused");
    else if (code === 4409) this.#set("replaced");
    else this.#later();
  }

  #drop() {
    clearTimeout(this.#deadline);
    clearInterval(this.#ping);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    if (this.state === "online") this.#set("connecting");
  }

  /** Come back after a random while, so that a thousand tabs don't come back at once. */
  #later() {
    this.#set(navigator.onLine ? "connecting" : "offline");
    const most = Math.min(30_000, 500 * 2 ** this.#attempts);
    this.#attempts += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), Math.random() * most);
  }

  #hurry() {
    if (!this.#wanted || this.state === "online" || this.state === "refused") return;
    if (this.#socket && this.#socket.readyState < WebSocket.CLOSING) return;
    this.#attempts = 0;
    this.#connect();
  }

  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

export const live = new Live();
