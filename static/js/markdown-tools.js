// Markdown written by buttons and keys, in a text area. Changes go through the browser's own editing, so that undo works.

/** Put `text` in place of the selection, or of [start, end]; then select what `select` (offsets within the text) says. */
export function insert(area, text, { start = area.selectionStart, end = area.selectionEnd, select } = {}) {
  area.focus();
  area.setSelectionRange(start, end);
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, start, end, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (select) area.setSelectionRange(start + select[0], start + select[1]);
}

const selected = (area) => area.value.slice(area.selectionStart, area.selectionEnd);

/** Put marks around the selection, or take them away where they are. */
function wrap(area, mark, placeholder) {
  const { selectionStart: start, selectionEnd: end, value } = area;
  const inside = selected(area) || placeholder;
  const size = mark.length;
  if (value.slice(start - size, start) === mark && value.slice(end, end + size) === mark) {
    insert(area, selected(area), { start: start - size, end: end + size, select: [0, end - start] });
  } else {
    insert(area, mark + inside + mark, { select: [size, size + inside.length] });
  }
}

/** Begin each line of the selection with what `prefix(number)` says, or take it away where `pattern` finds it on every line. */
function lines(area, prefix, pattern) {
  const start = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
  const next = area.value.indexOf("\n", area.selectionEnd);
  const end = next < 0 ? area.value.length : next;
  const found = area.value.slice(start, end).split("\n");
  const all = found.every((line) => pattern.test(line));
  const written = found.map((line, number) => (all ? line.replace(pattern, "") : prefix(number) + line.replace(pattern, ""))).join("\n");
  insert(area, written, { start, end, select: [0, written.length] });
}

function link(area) {
  const text = selected(area);
  if (/^https?:\/\/\S+$/.test(text)) insert(area, `[](${text})`, { select: [1, 1] });
  else insert(area, `[${text || "words"}](https://)`, { select: [(text || "words").length + 3, (text || "words").length + 11] });
}

function code(area) {
  const text = selected(area);
  if (text.includes("\n")) insert(area, `\`\`\`\n${text}\n\`\`\``);
  else wrap(area, "`", "code");
}

const TABLE = "| First | Second |\n| --- | --- |\n| … | … |\n";

export const tools = {
  bold: (area) => wrap(area, "**", "bold"),
  italic: (area) => wrap(area, "_", "italic"),
  heading: (area) => lines(area, () => "## ", /^#{1,6} /),
  bullets: (area) => lines(area, () => "- ", /^[-*] /),
  numbers: (area) => lines(area, (number) => `${number + 1}. `, /^\d+\. /),
  quote: (area) => lines(area, () => "> ", /^> /),
  code,
  link,
  table: (area) => insert(area, `${area.selectionStart && area.value[area.selectionStart - 1] !== "\n" ? "\n\n" : ""}${TABLE}`),
};

const KEYS = { b: "bold", i: "italic", k: "link" };

/** Let keys do what the buttons do: Ctrl or ⌘ with B, I, K; and Enter goes on with a list. */
export function listen(area) {
  area.addEventListener("keydown", (event) => {
    const tool = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && KEYS[event.key.toLowerCase()];
    if (tool) {
      event.preventDefault();
      event.stopPropagation();
      tools[tool](area);
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) goOn(area, event);
  });
}

function goOn(area, event) {
  if (area.selectionStart !== area.selectionEnd) return;
  const start = area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
  const line = area.value.slice(start, area.selectionStart);
  const [, space, mark, text] = /^(\s*)([-*]|\d+\.) (.*)$/.exec(line) ?? [];
  if (mark === undefined) return;
  event.preventDefault();
  if (!text) insert(area, "\n", { start });
  else insert(area, `\n${space}${/\d/.test(mark) ? `${parseInt(mark) + 1}.` : mark} `);
}

/** A toolbar is one stop of the Tab key; arrows go through it. */
export function rove(bar) {
  bar.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...bar.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    buttons[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}
