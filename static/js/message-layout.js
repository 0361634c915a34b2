// How messages stand together: days between them, runs of one author, long ones folded. It depends on the reader's own zone and width.
import { dayOf } from "./time-moment.js";

const RUN_MS = 5 * 60_000;
const LINES = 12;

const at = (node) => new Date(node.dataset.at);

function isOneRun(before, node) {
  return (
    before?.dataset.kind === node.dataset.kind && node.dataset.kind === "message" &&
    before.dataset.author === node.dataset.author && at(node) - at(before) < RUN_MS
  );
}

function separator(date) {
  const day = document.createElement("div");
  day.className = "day";
  day.setAttribute("role", "separator");
  day.append(Object.assign(document.createElement("span"), { textContent: dayOf(date) }));
  return day;
}

function fold(node) {
  const body = node.querySelector(".prose");
  if (!body || body.nextElementSibling?.matches(".fold__more")) return;
  const most = LINES * parseFloat(getComputedStyle(body).lineHeight);
  if (body.scrollHeight <= most * 1.25) return;
  body.classList.add("fold--shut");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "fold__more", textContent: "Show all" });
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    const isShut = body.classList.toggle("fold--shut");
    button.textContent = isShut ? "Show all" : "Show less";
    button.setAttribute("aria-expanded", String(!isShut));
  });
  body.after(button);
}

/** Arrange the messages in `items`, or only those that just came to its end. */
export function arrange(items, nodes = items.querySelectorAll(":scope > [data-seq]")) {
  const all = [...items.querySelectorAll(":scope > [data-seq]")];
  const isWhole = all.length === nodes.length;
  if (isWhole) items.querySelectorAll(":scope > .day").forEach((day) => day.remove());
  let before = isWhole ? undefined : all[all.indexOf(nodes[0]) - 1];
  for (const node of nodes) {
    const isNewDay = !before || at(before).toDateString() !== at(node).toDateString();
    if (isNewDay) node.before(separator(at(node)));
    const continues = !isNewDay && isOneRun(before, node);
    node.classList.toggle("message--continues", continues);
    before?.classList.toggle("message--followed", continues);
    fold(node);
    before = node;
  }
}
