// Everything that can be done here, said once: buttons (data-command), keys, the palette and the sheet all read this list.

const commands = new Map();

/**
 * Offer a command: {id, title, group, keys, when, run}. `keys` are its key strokes, such as "e", "z z", "mod+k" or "alt+j"; the first is
 * the one shown. `when` says whether it can be done now. `run(button, event)` does it.
 */
export function offer(...list) {
  for (const command of list) commands.set(command.id, { keys: [], group: "Go to", when: () => true, ...command });
}

/** List what can be done now. */
export const possible = () => [...commands.values()].filter((command) => command.when());

export const every = () => [...commands.values()];

/** Do something by its name, if it can be done now. Returns whether it was. */
export function run(id, button, event) {
  const command = commands.get(id);
  if (!command || !command.when()) return false;
  command.run(button, event);
  return true;
}

export const isMac = /Mac|iP(hone|ad)/.test(navigator.platform);
const NAMES = { mod: isMac ? "⌘" : "Ctrl", shift: isMac ? "⇧" : "Shift", alt: isMac ? "⌥" : "Alt", enter: "↵", escape: "Esc" };

/** Write a key stroke for people: ["Ctrl", "K"], ["Z", "Z"]. */
export const written = (keys) => keys.split(/[ +]/).map((part) => NAMES[part] ?? part.toUpperCase());

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-command]");
  if (button && !event.defaultPrevented && run(button.dataset.command, button, event)) event.preventDefault();
});

// Keys. Without a modifier they act only outside text fields; with one, everywhere.

const SEQUENCE_MS = 900;
let before = "";
let pressedAt = 0;

const isWriting = (target) => target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

function stroke(event) {
  // Alt changes the letter on some keyboards, so there the key's place counts.
  const key = event.altKey && event.code.startsWith("Key") ? event.code.slice(3) : event.key;
  const shifted = event.shiftKey && /^[a-z]$/i.test(key);
  return [(event.metaKey || event.ctrlKey) && "mod", event.altKey && "alt", shifted && "shift", key.toLowerCase()].filter(Boolean).join("+");
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
  const modified = event.metaKey || event.ctrlKey || event.altKey;
  if (!modified && event.key !== "Escape" && isWriting(event.target)) return;
  if (!modified && event.target.closest("dialog[open], :popover-open")) return;
  const last = event.timeStamp - pressedAt < SEQUENCE_MS ? before : "";
  const now = stroke(event);
  before = now;
  pressedAt = event.timeStamp;
  const fits = (keys) => (command) => command.keys.includes(keys);
  const list = possible();
  const command = (last && list.find(fits(`${last} ${now}`))) || list.find(fits(now));
  if (!command) return;
  event.preventDefault();
  command.run(null, event);
});
