// The inbox: which view and which conversation are shown, each with its own address; and what ties list, thread and panel together.
import { fragment } from "./api.js";
import { offer } from "./commands.js";
import "./inbox-list.js";
import "./lightbox.js";
import { live } from "./live.js";
import "./message-composer.js";
import "./message-list.js";
import { togglePanel } from "./panel.js";
import { sayWhy } from "./toast.js";
import "./thread.js";
import "./triage.js";

const inbox = document.querySelector(".inbox");
const SEARCH_MS = 250;
const list = () => inbox.querySelector("inbox-list");
const openId = () => inbox.querySelector(".conversation").dataset.conversation;

// Addresses: /inbox/<view>/[<conversation>/]?q=&assignee=
const view = () => inbox.querySelector(".list").dataset.view;
const query = () => inbox.querySelector(".list").dataset.query;
const address = (id) => `/inbox/${view()}/${id ? `${id}/` : ""}${query()}`;

let going;
// What the address says is open; the page may still be on its way there.
let current = openId();

async function show(path, name, place) {
  going?.abort();
  going = new AbortController();
  const fresh = await fragment(path, name, { signal: going.signal });
  inbox.querySelector(place).replaceWith(fresh.querySelector(place));
}

/** Open a conversation beside the list as it is; with no id, show none. */
async function openConversation(id, { push = true } = {}) {
  const path = address(id);
  current = id;
  list().mark(id ?? "");
  if (push) history.pushState(null, "", path);
  inbox.dataset.pane = id ? "thread" : "list";
  delete inbox.dataset.drawer;
  try {
    await show(path, "conversation", ".conversation");
  } catch (error) {
    if (error.name === "AbortError") return;
    current = openId();
    list().mark(current ?? "");
    sayWhy(error);
    return;
  }
  opened();
}

/** Show another view, or the same by another filter. The open conversation stays, as its address does not. */
async function openView(path, { push = true } = {}) {
  if (push) history.pushState(null, "", path);
  inbox.dataset.pane = "list";
  try {
    await show(path, "list", ".list");
    listed();
  } catch (error) {
    sayWhy(error);
  }
}

function listed() {
  dispatchEvent(new Event("list-replaced"));
  list().mark(current ?? "");
}

let previous = null;
function opened() {
  const conversation = inbox.querySelector(".conversation");
  dispatchEvent(new CustomEvent("page-title", { detail: `${conversation.dataset.title || "Inbox"} · Opencom` }));
  const viewing = { conversation: openId() ?? null, previous };
  live.tell("viewing", viewing, { standing: true });
  previous = viewing.conversation;
}

addEventListener("popstate", async () => {
  const [, , , id] = location.pathname.split("/");
  const isSameList = location.pathname.startsWith(`/inbox/${view()}/`) && location.search === query();
  if (!isSameList) await openView(location.pathname.replace(/[^/]+\/$/, (last) => (last === `${id}/` ? "" : last)) + location.search, { push: false });
  if ((id || undefined) !== current) await openConversation(id || undefined, { push: false });
  else inbox.dataset.pane = id ? "thread" : "list";
});

const isPlain = (event) => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;

inbox.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-view-link], .row__link, .earlier");
  if (!link || !isPlain(event)) return;
  event.preventDefault();
  if (link.matches("[data-view-link]")) openView(link.getAttribute("href"));
  else openConversation(link.closest("[data-key]").dataset.key);
});

// Searching
let searching = 0;
inbox.addEventListener("input", (event) => {
  if (!event.target.matches(".list__search input")) return;
  clearTimeout(searching);
  searching = setTimeout(() => search(event.target.value.trim()), SEARCH_MS);
});
inbox.addEventListener("submit", (event) => {
  if (!event.target.matches(".list__search")) return;
  event.preventDefault();
  clearTimeout(searching);
  search(event.target.elements.q.value.trim());
});

async function search(text) {
  const parameters = new URLSearchParams(query());
  if ((parameters.get("q") ?? "") === text) return;
  if (text) parameters.set("q", text);
  else parameters.delete("q");
  const path = `/inbox/${view()}/${parameters.size ? `?${parameters}` : ""}`;
  history.replaceState(null, "", path);
  try {
    // The field stays as it is: somebody is writing in it.
    const page = await (going?.abort(), (going = new AbortController()), fragment(path, "list", { signal: going.signal }));
    const [now, then] = [page.querySelector(".list"), inbox.querySelector(".list")];
    then.dataset.query = now.dataset.query;
    for (const part of [".list__filters", ".list__body"]) then.querySelector(part).replaceWith(now.querySelector(part));
    listed();
  } catch (error) {
    sayWhy(error);
  }
}

// Picked rows
inbox.addEventListener("picked", (event) => {
  const bar = inbox.querySelector(".bulk");
  bar.hidden = event.detail === 0;
  bar.querySelector(".bulk__count").textContent = `${event.detail} selected`;
});

inbox.addEventListener("conversation-gone", () => openConversation());

const step = (by) => () => {
  const row = list().beside(by);
  if (!row) return;
  row.scrollIntoView({ block: "nearest" });
  openConversation(row.dataset.key);
};
const isOpen = () => Boolean(openId());

offer(
  { id: "next", title: "Next conversation", group: "Inbox", keys: ["j", "alt+j"], run: step(1) },
  { id: "previous", title: "Previous conversation", group: "Inbox", keys: ["k", "alt+k"], run: step(-1) },
  { id: "search", title: "Search conversations", group: "Inbox", keys: ["/"], run: () => { inbox.dataset.pane = "list"; inbox.querySelector(".list__search input").select(); } },
  ...["open", "mine", "unassigned", "snoozed", "closed", "all"].map((name) => ({
    id: `view-${name}`, title: `Show ${name}`, group: "Inbox", run: () => openView(`/inbox/${name}/`),
  })),
  { id: "back", title: "Back to the list", group: "Conversation", keys: ["u"], when: isOpen, run: () => openConversation() },
  {
    id: "escape", title: "Step back", group: "Conversation", keys: ["escape"],
    run: () => {
      if (inbox.dataset.drawer) return togglePanel();
      if (list().picked.length) return list().pickAll(false);
      document.activeElement?.blur();
    },
  },
);

if (isOpen()) opened();
