// What is done to conversations: assign, close, reopen, snooze. To those that are picked in the list, else to the open one.
import { call, fragment } from "./api.js";
import { offer } from "./commands.js";
import { open } from "./menu.js";
import { timeOf } from "./snooze-times.js";
import { toCome, until } from "./time-moment.js";
import { say, sayWhy } from "./toast.js";

const list = () => document.querySelector("inbox-list");
const header = () => document.querySelector(".thread__head[data-key]");
const me = document.body.dataset.member;
const may = (permission) => document.body.dataset.permissions.split(" ").includes(permission);

/** The ids that a command is about. */
function targets() {
  const picked = list()?.picked ?? [];
  return picked.length ? picked : [header()?.dataset.key].filter(Boolean);
}

const some = () => targets().length > 0;
const isBulk = () => Boolean(list()?.picked.length);
const status = () => header()?.dataset.status;
const number = (ids) => (ids.length === 1 ? "" : `${ids.length} conversations `);

async function change(what, done, undo) {
  const ids = targets();
  const bulk = isBulk();
  try {
    if (bulk) await call("POST", "/conversations/bulk", { conversations: ids, change: what });
    else if ("assignee" in what) await call("PUT", `/conversations/${ids[0]}/assignee`, { member: what.assignee });
    else await call("PUT", `/conversations/${ids[0]}/status`, what);
  } catch (error) {
    sayWhy(error);
    return;
  }
  if (bulk) list().pickAll(false);
  const text = number(ids) + done;
  say(text[0].toUpperCase() + text.slice(1), undo && { undo: () => call("POST", "/conversations/bulk", { conversations: ids, change: undo }).catch(sayWhy) });
}

const close = () => change({ status: "closed" }, "closed", { status: "open" });
const reopen = () => change({ status: "open" }, "reopened");
const assign = (id, name) => change({ assignee: id }, id ? `assigned to ${id === me ? "you" : name}` : "unassigned");

function snooze(time) {
  const when = time ? `until ${until(time)}` : "until the next reply";
  return change({ status: "snoozed", until: time?.toISOString() ?? null }, `snoozed ${when}`, { status: "open" });
}

/** A menu opens beside the button that asked; by key or palette, beside the button that stands for it. */
const beside = (button, id) => button ?? document.querySelector(isBulk() ? `.bulk [data-command="${id}"]` : `.thread [data-command="${id}"]`);

function openSnooze(button) {
  const menu = document.getElementById("snooze");
  for (const item of menu.querySelectorAll("[data-snooze]")) {
    const time = timeOf(item.dataset.snooze);
    const hint = item.querySelector(".hint");
    if (time) hint.textContent = toCome(time);
  }
  const field = menu.querySelector("[type=datetime-local]");
  const local = (date) => new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  field.min = local(new Date());
  field.value = local(timeOf("tomorrow"));
  open(menu, beside(button, "snooze"));
}

async function openAssign(button) {
  const menu = document.getElementById("assign");
  open(menu, beside(button, "assign"));
  try {
    const fresh = await fragment("/inbox/assignees/", "assignees");
    const filter = menu.querySelector(".menu__filter");
    menu.querySelector("[data-assignees]").replaceWith(fresh.querySelector("[data-assignees]"));
    filter.dispatchEvent(new InputEvent("input", { bubbles: true }));
  } catch (error) {
    sayWhy(error);
  }
}

document.addEventListener("click", (event) => {
  const choice = event.target.closest("#snooze [data-snooze], #assign [data-assignee]");
  if (!choice) return;
  if ("snooze" in choice.dataset) snooze(timeOf(choice.dataset.snooze));
  else assign(choice.dataset.assignee || null, choice.dataset.name);
});

document.getElementById("snooze")?.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const time = new Date(event.target.elements.until.value);
  document.getElementById("snooze").hidePopover();
  if (time > new Date()) snooze(time);
  else say("Choose a time to come.");
});

offer(
  { id: "close", title: "Close", group: "Conversation", keys: ["e", "alt+e"], when: () => some() && may("conversations.close") && (isBulk() || status() !== "closed"), run: close },
  {
    id: "close-next", title: "Close and go to the next", group: "Conversation", keys: ["shift+e"],
    when: () => !isBulk() && some() && may("conversations.close") && status() !== "closed",
    run: async () => {
      const next = list().beside(1) ?? list().beside(-1);
      await close();
      next?.querySelector("a").click();
    },
  },
  { id: "reopen", title: "Reopen", group: "Conversation", keys: ["shift+o"], when: () => some() && may("conversations.close") && (isBulk() || status() !== "open"), run: reopen },
  { id: "snooze", title: "Snooze…", group: "Conversation", keys: ["z", "alt+m"], when: () => some() && may("conversations.close"), run: openSnooze },
  { id: "snooze-tomorrow", title: "Snooze until tomorrow", group: "Conversation", keys: ["z z"], when: () => some() && may("conversations.close"), run: () => snooze(timeOf("tomorrow")) },
  { id: "snooze-reply", title: "Snooze until the next reply", group: "Conversation", when: () => some() && may("conversations.close"), run: () => snooze(null) },
  { id: "assign", title: "Assign…", group: "Conversation", keys: ["a"], when: () => some() && may("conversations.assign"), run: openAssign },
  { id: "assign-me", title: "Assign to me", group: "Conversation", keys: ["i"], when: () => some() && may("conversations.assign"), run: () => assign(me) },
  { id: "unassign", title: "Unassign", group: "Conversation", when: () => some() && may("conversations.assign"), run: () => assign(null) },
  { id: "pick", title: "Select or unselect", group: "Conversation", keys: ["x"], when: () => Boolean(header()), run: () => list().pick(header().dataset.key) },
  { id: "pick-all", title: "Select all shown", group: "Conversation", keys: ["mod+shift+a"], when: () => Boolean(list()?.list.childElementCount), run: () => list().pickAll(true) },
  { id: "unpick", title: "Clear the selection", group: "Conversation", when: isBulk, run: () => list().pickAll(false) },
);
