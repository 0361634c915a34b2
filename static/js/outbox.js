// What this tab sends: each message keeps the client_id it was born with until the server has it, through failures and reloads.
import { call } from "./api.js";

const KEY = "opencom.outbox";
const RETRY_MS = [1000, 2000, 5000, 10_000, 30_000];

/** Wait, but not longer than until the network comes back. */
const pauseOrOnline = (ms) => new Promise((done) => {
  setTimeout(done, ms);
  addEventListener("online", done, { once: true });
});

class Outbox extends EventTarget {
  #entries = JSON.parse(sessionStorage.getItem(KEY) ?? "[]").filter((entry) => entry.state !== "sent");
  #busy = new Set();

  constructor() {
    super();
    addEventListener("online", () => this.#goOn());
    queueMicrotask(() => this.#goOn());
  }

  /** List a conversation's messages that its log doesn't show yet, oldest first. */
  of(conversation) {
    return this.#entries.filter((entry) => entry.conversation === conversation);
  }

  /** Send {client_id, conversation, kind, body, attachments, seen_seq}. */
  add(entry) {
    this.#entries.push({ ...entry, state: "sending", tries: 0 });
    this.#changed(entry.conversation);
    this.#work(entry.conversation);
  }

  /** Send again what failed or was stopped; with `insist`, without asking whether something newer came. */
  retry(id, { insist = false } = {}) {
    const entry = this.#find(id);
    if (!entry) return;
    if (insist) delete entry.seen_seq;
    Object.assign(entry, { state: "sending", tries: 0, why: undefined });
    this.#changed(entry.conversation);
    this.#work(entry.conversation);
  }

  /** Forget a message: the log shows it, or its writer gave it up. Returns it. */
  forget(id) {
    const entry = this.#find(id);
    if (!entry) return undefined;
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#changed(entry.conversation);
    return entry;
  }

  #find(id) {
    return this.#entries.find((entry) => entry.client_id === id);
  }

  #changed(conversation) {
    sessionStorage.setItem(KEY, JSON.stringify(this.#entries));
    this.dispatchEvent(new CustomEvent("change", { detail: conversation }));
  }

  #goOn() {
    for (const conversation of new Set(this.#entries.map((entry) => entry.conversation))) this.#work(conversation);
  }

  /** Send one at a time, in order; what waits behind a failure waits with it. */
  async #work(conversation) {
    if (this.#busy.has(conversation)) return;
    this.#busy.add(conversation);
    for (let entry; (entry = this.of(conversation).find(({ state }) => state !== "sent")) && entry.state === "sending"; ) {
      await this.#send(entry);
    }
    this.#busy.delete(conversation);
  }

  async #send(entry) {
    const { client_id, kind, body, attachments, seen_seq, conversation } = entry;
    const files = attachments.map((file) => file.id);
    try {
      const message = await call("POST", `/conversations/${conversation}/messages`, { client_id, kind, body, attachments: files, seen_seq });
      Object.assign(entry, { state: "sent", message: message.id, seq: message.seq });
    } catch (error) {
      // Without a network the message waits as long as it takes; a server that goes on failing is worth a word.
      if (error.status === 0 || (error.passing && entry.tries < RETRY_MS.length)) {
        const pause = RETRY_MS[Math.min(entry.tries, RETRY_MS.length - 1)];
        entry.tries += 1;
        await pauseOrOnline(Math.max(error.retryAfter * 1000, pause));
        return;
      }
      const stopped = error.code === "newer_reply";
      Object.assign(entry, { state: stopped ? "stopped" : "failed", why: error.message });
    }
    this.#changed(conversation);
  }
}

export const outbox = new Outbox();
