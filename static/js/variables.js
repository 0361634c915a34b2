// Variables that stand in a text because nothing is known of what they stand for.

const VARIABLE = /\{\{[ \t]*(?:visitor|agent|workspace)\.[\p{L}\p{N}_-]{1,100}[ \t]*(?:\|[^{}\n]{0,200})?\}\}/u;

/** The first variable that stands in a text: {text, start, end}; null where there is none. */
export function firstVariable(text) {
  const found = VARIABLE.exec(text);
  return found && { text: found[0], start: found.index, end: found.index + found[0].length };
}

/** The text as nodes, with its variables marked. */
export function marked(text) {
  const found = firstVariable(text);
  if (!found) return [text];
  const mark = Object.assign(document.createElement("mark"), { textContent: found.text });
  return [text.slice(0, found.start), mark, ...marked(text.slice(found.end))];
}
