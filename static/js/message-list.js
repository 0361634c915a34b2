// <message-list>: one conversation's log, live. It stays at the end while its reader is there, and never moves under them elsewhere.
import { fragment, parse } from "./api.js";
import { LiveElement } from "./live-elements.js";
import { arrange } from "./message-layout.js";
import { outbox } from "./outbox.js";
import { pendingMessage } from "./pending-message.js";
import { sayWhy } from "./toast.js";

const NEAR_END_PX = 48;

export class MessageList extends LiveElement {
  connectedCallback() {
    this.items = this.querySelector("[data-items]");
    this.pending = this.querySelector("[data-pending]");
    this.pill = this.parentElement.querySelector(".thread__new");
    this.announcer = this.parentElement.querySelector("[data-announcer]");
    this.me = document.body.dataset.member;
    this.unseen = 0;
    arrange(this.items);
    this.showPending = (event) => event.detail === this.conversation && this.refresh();
    outbox.addEventListener("change", this.showPending);
    this.refresh();
    this.toEnd();
    this.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.pill.addEventListener("click", () => this.toEnd({ behavior: "smooth" }));
    this.resizes = new ResizeObserver(() => this.stays && this.toEnd());
    this.resizes.observe(this);
    this.resizes.observe(this.firstElementChild);
    this.older = new IntersectionObserver(([entry]) => entry.isIntersecting && this.loadOlder(), { root: this, rootMargin: "600px 0px 0px" });
    this.older.observe(this.querySelector(".messages__older"));
    super.connectedCallback();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    outbox.removeEventListener("change", this.showPending);
    this.resizes.disconnect();
    this.older.disconnect();
  }

  get conversation() {
    return this.dataset.conversation;
  }

  get all() {
    return this.items.querySelectorAll(":scope > [data-seq]");
  }

  get last() {
    return Number([...this.all].at(-1)?.dataset.seq ?? 0);
  }

  /** The last message that the reader can be taken to have read. */
  get read() {
    return this.unseen ? this.readTo : this.last;
  }

  get isAtEnd() {
    return this.scrollHeight - this.scrollTop - this.clientHeight < NEAR_END_PX;
  }

  snapshot({ items }) {
    if (items.length && items[0].seq > this.last + 1) this.items.replaceChildren();
    this.append(items.filter((item) => item.seq > this.last));
  }

  delta(items) {
    const fresh = items.filter((item) => item.seq > this.last);
    if (fresh.length && fresh[0].seq > this.last + 1) this.subscription.restart();
    else this.append(fresh, { arriving: true });
  }

  resync() {
    this.items.replaceChildren();
  }

  refused() {
    this.dispatchEvent(new CustomEvent("conversation-gone", { bubbles: true }));
  }

  append(items, { arriving = false } = {}) {
    if (!items.length) return;
    const atEnd = this.isAtEnd;
    const before = this.last;
    const nodes = items.map((item) => parse(item.html).firstElementChild);
    this.items.append(...nodes);
    arrange(this.items, nodes);
    this.refresh();
    if (arriving) this.welcome(nodes, atEnd, before);
    if (atEnd || !arriving) this.toEnd();
  }

  welcome(nodes, atEnd, before) {
    const others = nodes.filter((node) => node.dataset.kind !== "event" && node.dataset.author !== this.me);
    for (const node of nodes) node.classList.add("message--fresh");
    for (const node of others) this.announcer.textContent = `${node.dataset.name}: ${node.querySelector(".bubble")?.textContent.trim() ?? ""}`;
    if (atEnd || !others.length) return;
    if (!this.unseen) this.readTo = before;
    this.unseen += others.length;
    this.pill.hidden = false;
    this.pill.querySelector("span").textContent = `${this.unseen} new`;
  }

  /** Show what the log doesn't yet; what it does needs no keeping, once its sending has come to an end. */
  refresh() {
    const shown = (entry) => this.items.querySelector(`:scope > [data-client-id="${entry.client_id}"]`);
    const entries = outbox.of(this.conversation);
    const atEnd = this.isAtEnd;
    this.pending.replaceChildren(...entries.filter((entry) => !shown(entry)).map(pendingMessage));
    for (const entry of entries) {
      if (shown(entry) && entry.state !== "sending") queueMicrotask(() => outbox.forget(entry.client_id));
    }
    if (atEnd) this.toEnd();
    this.dispatchEvent(new CustomEvent("log-changed", { bubbles: true }));
  }

  toEnd(options = {}) {
    this.stays = true;
    this.scrollTo({ top: this.scrollHeight, ...options });
  }

  scrolled() {
    this.stays = this.isAtEnd;
    if (!this.stays) return;
    this.unseen = 0;
    this.pill.hidden = true;
    this.dispatchEvent(new CustomEvent("log-changed", { bubbles: true }));
  }

  async loadOlder() {
    const first = this.all[0];
    if (!this.dataset.older || this.loading || !first || first.dataset.seq === "1") return;
    this.loading = true;
    try {
      const page = await fragment(`${this.dataset.older}?before=${first.dataset.seq}`, "messages");
      const nodes = [...page.querySelectorAll("[data-seq]")];
      if (!nodes.length) this.dataset.older = "";
      const below = this.scrollHeight - this.scrollTop;
      this.items.prepend(...nodes);
      arrange(this.items);
      this.scrollTop = this.scrollHeight - below;
    } catch (error) {
      sayWhy(error);
    } finally {
      this.loading = false;
    }
  }
}

customElements.define("message-list", MessageList);
