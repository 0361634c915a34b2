// <message-composer>: replies and notes, with drafts on the server, files, typing, and a stop while something newer is unread.
import { call, uuid } from "./api.js";
import { isMac } from "./commands.js";
import { live } from "./live.js";
import { outbox } from "./outbox.js";
import { SnippetPicker } from "./snippet-picker.js";
import { Uploads } from "./uploads.js";
import { firstVariable } from "./variables.js";

const DRAFT_MS = 800;
const TYPING_MS = 3000;

class MessageComposer extends HTMLElement {
  connectedCallback() {
    this.box = this.querySelector(".composer__box");
    this.field = this.querySelector("textarea");
    this.sendButton = this.querySelector(".composer__send");
    this.status = this.querySelector("[data-composer-error]");
    this.bodies = { message: this.dataset.reply, note: this.dataset.note };
    this.uploads = new Uploads(this.querySelector(".composer__files"), () => this.refresh());
    this.snippets = new SnippetPicker(this.field, this.querySelector(".picker"), this.dataset.visitor, () => this.typed());
    this.field.addEventListener("input", () => this.typed());
    this.field.addEventListener("blur", () => this.stopTyping());
    this.field.addEventListener("paste", (event) => this.take(event.clipboardData.files, event));
    // The button that had the focus is gone; what is typed next is meant for the message.
    this.addEventListener("upload-removed", () => this.focusField());
    this.addEventListener("dragover", (event) => this.dragged(event, true));
    this.addEventListener("dragleave", (event) => this.dragged(event, false));
    this.addEventListener("drop", (event) => this.dragged(event, false) || this.take(event.dataTransfer.files, event));
    this.querySelector("[type=file]").addEventListener("change", ({ target }) => {
      this.take(target.files);
      target.value = "";
    });
    this.sendButton.querySelector("kbd").textContent = isMac ? "⌘↵" : "Ctrl+↵";
    this.save = () => this.saveDraft({ keepalive: true });
    addEventListener("pagehide", this.save);
    this.change(this.bodies.note && !this.bodies.message ? "note" : "message");
  }

  disconnectedCallback() {
    removeEventListener("pagehide", this.save);
    this.stopTyping();
    this.saveDraft({ keepalive: true });
  }

  get conversation() {
    return this.dataset.conversation;
  }

  /** Write a reply ("message") or a note. */
  change(kind) {
    if (this.kind) {
      this.stopTyping();
      this.saveDraft();
    }
    this.kind = kind;
    this.box.dataset.kind = kind;
    for (const tab of this.querySelectorAll("[role=tab]")) tab.setAttribute("aria-selected", String(tab.dataset.kind === kind));
    const label = kind === "note" ? "Write a note. Only your team sees it." : "Write a reply";
    this.field.placeholder = label;
    this.field.setAttribute("aria-label", kind === "note" ? "Note" : "Reply");
    this.field.value = this.bodies[kind];
    this.sendButton.querySelector("span").textContent = kind === "note" ? "Add note" : "Send";
    this.refresh();
  }

  focusField() {
    this.field.focus();
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
  }

  refresh() {
    const isEmpty = !this.field.value.trim() && !this.uploads.ready.length;
    this.sendButton.setAttribute("aria-disabled", String(isEmpty || this.uploads.isBusy));
  }

  typed() {
    this.bodies[this.kind] = this.field.value;
    this.complain("");
    this.refresh();
    clearTimeout(this.draftTimer);
    this.draftTimer = setTimeout(() => this.saveDraft(), DRAFT_MS);
    this.unsaved = true;
    const now = Date.now();
    if (this.field.value && now - (this.toldAt ?? 0) > TYPING_MS) {
      this.toldAt = now;
      live.tell("typing", { conversation: this.conversation, kind: this.kind, active: true });
    }
  }

  stopTyping() {
    if (!this.toldAt) return;
    this.toldAt = 0;
    live.tell("typing", { conversation: this.conversation, kind: this.kind, active: false });
  }

  async saveDraft({ keepalive = false } = {}) {
    clearTimeout(this.draftTimer);
    if (!this.unsaved) return;
    this.unsaved = false;
    const body = this.bodies[this.kind];
    const draft = body.trim() ? { kind: this.kind, body } : { kind: this.kind };
    // A draft that isn't saved is still in the field; the next stroke tries again.
    await call(body.trim() ? "PUT" : "DELETE", `/conversations/${this.conversation}/draft`, draft, { keepalive })
      .catch(() => (this.unsaved = true));
  }

  dragged(event, isOver) {
    if (!event.dataTransfer.types.includes("Files")) return false;
    event.preventDefault();
    this.box.toggleAttribute("data-drop", isOver);
    return false;
  }

  take(files, event) {
    if (!files.length) return;
    event?.preventDefault();
    this.complain(this.uploads.add(files));
  }

  complain(sentence) {
    this.status.textContent = sentence;
    this.status.hidden = !sentence;
  }

  send(seen) {
    const body = this.field.value.trim();
    if (this.uploads.isBusy) return this.complain("A file is still on its way.");
    if (this.uploads.hasFailed) return this.complain("A file couldn't be uploaded. Remove it, or attach it again.");
    if (!body && !this.uploads.ready.length) return;
    if (this.kind === "message" && firstVariable(body)) return this.askToFillIn();
    const attachments = this.uploads.ready.map(({ id, name, size }) => ({ id, name, size }));
    outbox.add({ client_id: uuid(), conversation: this.conversation, kind: this.kind, body, attachments, seen_seq: seen });
    this.field.value = "";
    this.bodies[this.kind] = "";
    this.uploads.clear();
    this.stopTyping();
    this.unsaved = true;
    this.saveDraft();
    this.complain("");
    this.refresh();
    this.focusField();
  }

  askToFillIn() {
    const { text, start, end } = firstVariable(this.field.value);
    this.complain(`Nothing is known for ${text}. Write something in its place.`);
    this.field.focus();
    this.field.setSelectionRange(start, end);
  }

  /** Take back a message that wasn't sent, to be changed. */
  takeBack({ kind, body, attachments }) {
    if (kind !== this.kind) this.change(kind);
    this.field.value = [body, this.field.value].filter(Boolean).join("\n\n");
    this.uploads.restore(attachments);
    this.typed();
    this.focusField();
  }
}

customElements.define("message-composer", MessageComposer);
