// What every page of the dashboard has: the rail's counts, the account menu, the connection's state, the palette.
import { choose, chooseTheme, chosen, theme } from "./choices.js";
import { isMac, offer, written } from "./commands.js";
import "./cues.js";
import { live } from "./live.js";
import "./live-elements.js";
import "./menu.js";
import "./palette.js";
import "./time-moment.js";
import { say } from "./toast.js";

const go = (path) => () => location.assign(path);

offer(
  { id: "go-inbox", title: "Go to the inbox", keys: ["g i"], run: go("/inbox/") },
  { id: "go-visitors", title: "Go to visitors", keys: ["g v"], run: go("/visitors/") },
  { id: "go-settings", title: "Go to settings", keys: ["g s"], run: go("/settings/") },
  ...["light", "dark", "system"].map((name) => ({
    id: `theme-${name}`, title: `Theme: ${name}`, group: "This browser", run: () => chooseTheme(name),
  })),
  { id: "sound", title: "Sound for new messages", group: "This browser", run: () => choose("sound", !chosen("sound")) },
  {
    id: "notifications", title: "Browser notifications", group: "This browser", when: () => "Notification" in window,
    run: async () => {
      if (chosen("notifications")) return choose("notifications", false);
      const answer = await Notification.requestPermission();
      choose("notifications", answer === "granted");
      if (answer === "denied") say("This browser blocks notifications from here. Allow them in its site settings.");
    },
  },
  {
    id: "sign-out", title: "Sign out", group: "This browser",
    run: () => document.getElementById("sign-out").requestSubmit(),
  },
);

document.querySelector("[data-key-of=palette]").textContent = written("mod+k").join(isMac ? "" : "+");

// On a phone the settings' pages stand in a row that is wider than the screen.
document.querySelector(".settings__nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

function showChoices() {
  for (const item of document.querySelectorAll("#account [data-theme-choice]")) {
    item.setAttribute("aria-checked", String(item.dataset.themeChoice === theme()));
  }
  for (const item of document.querySelectorAll("#account [data-choice]")) {
    item.setAttribute("aria-checked", String(chosen(item.dataset.choice)));
  }
}
addEventListener("choices", showChoices);
showChoices();

// Counts: one subscription fills every number on the page, and the title.
const capped = (count) => (count > 99 ? "99+" : count ? String(count) : "");
const title = document.title.replace(/^\(\d+\+?\) /, "");

/** Name the page in the window's title, after the number of unread conversations. */
let named = title;
let unread = "";
const entitle = () => (document.title = unread ? `(${unread}) ${named}` : named);
addEventListener("page-title", (event) => {
  named = event.detail;
  entitle();
});

function count(counts) {
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = capped(counts[place.dataset.count]);
  unread = capped(counts.unread);
  entitle();
}
let counted = {};
addEventListener("list-replaced", () => count(counted));
live.subscribe({
  query: "conversations.counts", as: "data",
  on: { snapshot: (counts) => count((counted = counts)) },
});

// The connection is worth a word only when it is away for more than a moment.
const PATIENCE_MS = 3000;
const WORDS = {
  connecting: "Reconnecting. What you send is kept.",
  offline: "Offline. What you send is kept and goes out when you are back.",
  replaced: "Paused: too many tabs are open. Come back to this one to go on.",
  refused: "This page can't follow what happens. Reload it.",
};
const notice = document.getElementById("connection");
let waiting = 0;
live.addEventListener("state", () => {
  clearTimeout(waiting);
  notice.hidden = true;
  if (live.state === "online") return;
  waiting = setTimeout(() => {
    notice.querySelector("span").textContent = WORDS[live.state];
    notice.hidden = false;
  }, PATIENCE_MS);
});
