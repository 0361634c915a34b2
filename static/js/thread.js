// The open conversation: writing, sending, what has been read on both sides, and what became of what was sent.
import { call } from "./api.js";
import { offer } from "./commands.js";
import { outbox } from "./outbox.js";

const inbox = document.querySelector(".inbox");
const me = document.body.dataset.member;
const log = () => inbox.querySelector("message-list");
const composer = () => inbox.querySelector("message-composer");
const header = () => inbox.querySelector(".thread__head[data-key]");

function write(kind) {
  composer().change(kind);
  composer().focusField();
}

const canWrite = () => Boolean(composer());

offer(
  { id: "reply", title: "Reply", group: "Conversation", keys: ["r", "alt+l"], when: canWrite, run: () => write("message") },
  { id: "note", title: "Write a note", group: "Conversation", keys: ["n", "alt+p"], when: canWrite, run: () => write("note") },
  { id: "attach", title: "Attach files", group: "Conversation", keys: ["mod+alt+a"], when: canWrite, run: () => composer().querySelector("[type=file]").click() },
  { id: "snippets", title: "Insert a snippet", group: "Conversation", keys: ["mod+alt+s"], when: canWrite, run: () => composer().snippets.open() },
  { id: "send", title: "Send", group: "Conversation", keys: ["mod+enter"], when: canWrite, run: () => composer().send(log().read) },
);

// What wasn't sent: again, anyway, or back into the field.
const entryOf = (button) => button.closest("[data-client-id]").dataset.clientId;
const stopped = () => outbox.of(log().conversation).find(({ state }) => state === "stopped");
const takeBack = (id) => {
  const entry = outbox.forget(id);
  if (entry) composer().takeBack(entry);
};
inbox.addEventListener("click", (event) => {
  const button = event.target.closest("[data-outbox]");
  if (!button) return;
  const id = button.closest(".composer__stop") ? stopped().client_id : entryOf(button);
  ({
    retry: () => outbox.retry(id),
    insist: () => outbox.retry(id, { insist: true }),
    edit: () => takeBack(id),
    view: () => log().toEnd({ behavior: "smooth" }),
  })[button.dataset.outbox]();
});

// After anything moved in the log
let seenTo = {};
async function markSeen() {
  const list = log();
  if (!list || !document.hasFocus() || !list.isAtEnd) return;
  const { conversation, last } = list;
  if (!last || (seenTo[conversation] ?? Number(list.dataset.seen)) >= last) return;
  seenTo[conversation] = last;
  await call("PUT", `/conversations/${conversation}/seen`, { seq: last }).catch(() => delete seenTo[conversation]);
}

/** Say under the team's last message whether it was seen, while it is the last word. */
function showDelivery() {
  const list = log();
  const line = list?.querySelector("[data-delivery]");
  if (!line) return;
  const messages = [...list.querySelectorAll('[data-items] > [data-kind="message"]')];
  const last = messages.at(-1);
  const isOurs = last?.matches(".message--team") && last.dataset.author;
  line.hidden = !isOurs || outbox.of(list.conversation).length > 0;
  if (line.hidden) return;
  const isSeen = Number(header()?.dataset.seenByVisitor) >= Number(last.dataset.seq);
  line.dataset.state = isSeen ? "seen" : "sent";
  if (last.nextElementSibling !== line) last.after(line);
}

function showStop() {
  const bar = inbox.querySelector(".composer__stop");
  if (!bar || !log()) return;
  const entry = stopped();
  bar.hidden = !entry;
  if (!entry) return;
  const newer = [...log().all].filter((node) => Number(node.dataset.seq) > (entry.seen_seq ?? 0) && node.dataset.author !== me && node.dataset.kind !== "event");
  const who = newer.at(-1)?.dataset.name;
  bar.querySelector("span").textContent = who ? `${who} wrote meanwhile. Your message waits.` : "Something newer came. Your message waits.";
}

function refresh() {
  markSeen();
  showDelivery();
  showStop();
}
inbox.addEventListener("log-changed", refresh);
addEventListener("focus", refresh);
document.addEventListener("visibilitychange", refresh);
inbox.addEventListener("live-value", (event) => {
  // One answer goes to the whole workspace; here one's own part of it is left out.
  for (const own of event.target.querySelectorAll(`[data-not-for="${me}"]`)) own.remove();
  showDelivery();
});
refresh();
