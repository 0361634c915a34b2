// Ctrl/⌘-K: every command that can be done now, found by typing; and "?": the sheet of keys.
import { every, offer, possible, run, written } from "./commands.js";

const palette = document.getElementById("palette");
const input = palette.querySelector("input");
const list = palette.querySelector("[role=listbox]");
let came;

const node = (tag, className, ...children) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
};
const keysOf = (command) => written(command.keys[0] ?? "").filter(Boolean).map((key) => node("kbd", "", key));

function fill() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ title, group }) => words.every((word) => `${title} ${group}`.toLowerCase().includes(word));
  const items = possible().filter((command) => command.id !== "palette" && fits(command)).map((command, index) => {
    const item = node("div", "palette__item", node("span", "", command.title), node("span", "palette__keys", ...keysOf(command)));
    Object.assign(item, { id: `command-${index}`, role: "option" });
    item.dataset.id = command.id;
    return item;
  });
  list.replaceChildren(...items);
  palette.querySelector(".palette__none").hidden = items.length > 0;
  choose(0);
}

function choose(index) {
  const items = [...list.children];
  const at = items.length ? (index + items.length) % items.length : -1;
  items.forEach((item, each) => item.setAttribute("aria-selected", String(each === at)));
  items[at]?.scrollIntoView({ block: "nearest" });
  if (items[at]) input.setAttribute("aria-activedescendant", items[at].id);
  else input.removeAttribute("aria-activedescendant");
}

function go(item) {
  palette.close();
  // A menu that the command opens belongs beside what was in use before the palette.
  if (came?.isConnected) came.focus({ preventScroll: true });
  if (item) run(item.dataset.id);
}

input.addEventListener("input", fill);
input.addEventListener("keydown", (event) => {
  const at = [...list.children].findIndex((item) => item.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown") choose(at + 1);
  else if (event.key === "ArrowUp") choose(at - 1);
  else if (event.key === "Enter") go(list.children[at]);
  else return;
  event.preventDefault();
});
list.addEventListener("click", (event) => go(event.target.closest("[role=option]")));
palette.addEventListener("click", (event) => event.target === palette && palette.close());

const sheet = document.getElementById("sheet");
sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());

function fillSheet() {
  const entries = every().filter((command) => command.keys.length).map((command) => {
    const term = node("dt", "", command.title);
    const keys = node("dd", "", ...written(command.keys[0]).map((key) => node("kbd", "", key)));
    return node("div", "", term, keys);
  });
  sheet.querySelector("dl").replaceChildren(...entries);
}

offer(
  {
    id: "palette", title: "All commands", group: "Help", keys: ["mod+k"],
    run: () => {
      if (palette.open) return palette.close();
      came = document.activeElement;
      input.value = "";
      palette.showModal();
      fill();
      input.focus();
    },
  },
  {
    id: "sheet", title: "Keyboard shortcuts", group: "Help", keys: ["?"],
    run: () => {
      fillSheet();
      sheet.showModal();
    },
  },
);
