// The visitor's panel: beside the thread where there is room, else a drawer over it.
import { offer } from "./commands.js";

const KEY = "opencom.panel";
const inbox = document.querySelector(".inbox");
const isNarrow = matchMedia("(max-width: 1099px)");

/** Show or hide the panel. Beside the thread the choice is kept; a drawer is closed by whatever comes next. */
export function togglePanel() {
  if (!isNarrow.matches) {
    inbox.dataset.panel = inbox.dataset.panel === "closed" ? "open" : "closed";
    localStorage.setItem(KEY, inbox.dataset.panel);
    return;
  }
  if (inbox.dataset.drawer) delete inbox.dataset.drawer;
  else inbox.dataset.drawer = "open";
  inbox.querySelector(inbox.dataset.drawer ? ".panel__close" : '.thread [data-command="panel"]')?.focus();
}

inbox.dataset.panel = localStorage.getItem(KEY) ?? "open";
inbox.addEventListener("click", (event) => event.target === inbox && inbox.dataset.drawer && togglePanel());

offer({
  id: "panel", title: "Show or hide the visitor", group: "Conversation", keys: ["v"],
  when: () => Boolean(inbox.querySelector(".panel")), run: togglePanel,
});
