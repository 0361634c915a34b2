export type Inline =
  | string
  | { type: 'bold' | 'italic' | 'strike'; children: Inline[] }
  | { type: 'code'; text: string }
  | { type: 'link'; href: string; children: Inline[] }
  | { type: 'break' };

export type Block =
  | { type: 'paragraph'; children: Inline[] }
  | { type: 'code'; text: string }
  | { type: 'quote'; children: Block[] }
  | { type: 'list'; start?: number; items: Block[][] };

const DEPTH = 6;
const FENCE = /^ {0,3}```/;
const QUOTE = /^ {0,3}>/;
const ITEM = /^ {0,3}(?:[-*+]|(\d{1,9})[.)])[ \t]+(?=\S)/;

/** The blocks of a message. Never HTML: what it does not know stays text. Takes time in proportion to the length. */
export function parse(source: string, depth = 0): Block[] {
  const lines = source.replace(/\r\n?/g, '\n').split('\n');
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (!line.trim()) at++;
    else if (FENCE.test(line)) at = fence(lines, at, blocks);
    else if (depth < DEPTH && QUOTE.test(line)) at = quote(lines, at, blocks, depth);
    else if (depth < DEPTH && ITEM.test(line)) at = list(lines, at, blocks, depth);
    else at = paragraph(lines, at, blocks, depth);
  }
  return blocks;
}

function fence(lines: string[], at: number, into: Block[]): number {
  const text: string[] = [];
  for (at++; at < lines.length && !FENCE.test(lines[at]!); at++) text.push(lines[at]!);
  into.push({ type: 'code', text: text.join('\n') });
  return at + 1;
}

function quote(lines: string[], at: number, into: Block[], depth: number): number {
  const text: string[] = [];
  for (; at < lines.length && QUOTE.test(lines[at]!); at++) text.push(lines[at]!.replace(/^ {0,3}> ?/, ''));
  into.push({ type: 'quote', children: parse(text.join('\n'), depth + 1) });
  return at;
}

function list(lines: string[], at: number, into: Block[], depth: number): number {
  const ordered = ITEM.exec(lines[at]!)![1];
  const items: Block[][] = [];
  while (at < lines.length) {
    const match = ITEM.exec(lines[at]!);
    if (!match || !match[1] !== !ordered) break;
    const text = [lines[at]!.slice(match[0].length)];
    for (at++; at < lines.length && /^(?: {2,}|\t)\S/.test(lines[at]!); at++) text.push(lines[at]!.replace(/^(?: {2,4}|\t)/, ''));
    items.push(parse(text.join('\n'), depth + 1));
  }
  into.push({ type: 'list', start: ordered ? +ordered : undefined, items });
  return at;
}

function paragraph(lines: string[], at: number, into: Block[], depth: number): number {
  const text = [lines[at]!];
  for (at++; at < lines.length; at++) {
    const line = lines[at]!;
    if (!line.trim() || FENCE.test(line) || (depth < DEPTH && (QUOTE.test(line) || ITEM.test(line)))) break;
    text.push(line);
  }
  into.push({ type: 'paragraph', children: inline(text.join('\n')) });
  return at;
}

const MARKS: [mark: string, type: 'bold' | 'italic' | 'strike'][] = [
  ['**', 'bold'],
  ['__', 'bold'],
  ['~~', 'strike'],
  ['*', 'italic'],
  ['_', 'italic'],
];
const isWord = (c: string | undefined) => !!c && /[\p{L}\p{N}]/u.test(c);
const isSpace = (c: string | undefined) => !c || /\s/.test(c);

/** Inline marks of one paragraph. */
export function inline(text: string, depth = 0, linked = false): Inline[] {
  const out: Inline[] = [];
  /** Marks known to have no end after here; looked for once, not at every start. */
  const endless = new Set<string>();
  let plain = '';
  let at = 0;
  const flush = () => {
    if (plain) out.push(...leaves(plain, linked));
    plain = '';
  };
  while (at < text.length) {
    const c = text[at]!;
    if (c === '\\' && /[\\`*_~[\]()>#+.!-]/.test(text[at + 1] || '')) {
      // An escaped sign must not take part in anything, links included, so it is put out by itself.
      flush();
      out.push(text[at + 1]!);
      at += 2;
      continue;
    }
    if (c === '`') {
      const end = endless.has(c) ? -1 : text.indexOf('`', at + 1);
      if (end > at + 1) {
        flush();
        out.push({ type: 'code', text: text.slice(at + 1, end) });
        at = end + 1;
        continue;
      }
      if (end < 0) endless.add(c);
    }
    if (c === '[' && !linked && depth < DEPTH) {
      const link = linkAt(text, at, depth, endless);
      if (link) {
        flush();
        out.push(link[0]);
        at = link[1];
        continue;
      }
    }
    if ((c === '*' || c === '_' || c === '~') && depth < DEPTH) {
      const span = spanAt(text, at, depth, linked, endless);
      if (span) {
        flush();
        out.push(span[0]);
        at = span[1];
        continue;
      }
    }
    // A word goes as a whole, so that an underscore in an address stays in it.
    const word = c === 'h' || c === 'H' ? /^https?:\/\/[^\s<>]+/i.exec(text.slice(at, at + 2048)) : null;
    plain += word ? word[0] : c;
    at += word ? word[0].length : 1;
  }
  flush();
  return out;
}

function spanAt(text: string, at: number, depth: number, linked: boolean, endless: Set<string>): [Inline, number] | undefined {
  for (const [mark, type] of MARKS) {
    if (!text.startsWith(mark, at) || endless.has(mark)) continue;
    const from = at + mark.length;
    if (isSpace(text[from]) || (mark[0] === '_' && isWord(text[at - 1])) || (mark.length < 2 && text[from] === mark)) continue;
    for (let end = text.indexOf(mark, from + 1), tries = 0; tries < 20; end = text.indexOf(mark, end + 1), tries++) {
      if (end < 0) {
        endless.add(mark);
        break;
      }
      if (isSpace(text[end - 1])) continue;
      if (mark[0] === '_' && isWord(text[end + mark.length])) continue;
      if (mark.length < 2 && text[end + 1] === mark) {
        end++;
        continue;
      }
      // `***both***`: the inner mark closes first.
      if (text[from] === mark[0] && text[end + 2] === mark[0]) end++;
      return [{ type, children: inline(text.slice(from, end), depth + 1, linked) }, end + mark.length];
    }
  }
  return undefined;
}

function linkAt(text: string, at: number, depth: number, endless: Set<string>): [Inline, number] | undefined {
  if (endless.has(']')) return undefined;
  const middle = text.indexOf('](', at);
  if (middle < 0) {
    endless.add(']');
    return undefined;
  }
  const label = text.slice(at + 1, middle);
  const target = /^([^\s()<>]*(?:\([^\s()<>]*\)[^\s()<>]*)*)\)/.exec(text.slice(middle + 2, middle + 2050));
  if (!label.trim() || label.includes('[') || !target) return undefined;
  const href = safeAddress(target[1]!);
  return href ? [{ type: 'link', href, children: inline(label, depth + 1, true) }, middle + 2 + target[0].length] : undefined;
}

/** An address that may be opened: web or mail, nothing that runs. */
export function safeAddress(address: string): string | undefined {
  return /^(?:https?:\/\/[^\s/]|mailto:[^\s])/i.test(address) && !/[\u0000-\u0020]/.test(address) ? address : undefined;
}

/** Plain text with its line breaks, and with bare addresses made into links. */
function leaves(text: string, linked: boolean): Inline[] {
  const out: Inline[] = [];
  for (const part of text.split(/(\s+)/)) {
    const link = !linked && part.length < 2048 ? bare(part) : undefined;
    if (link) out.push(...link);
    else if (/\n/.test(part)) for (let breaks = part.split('\n').length; --breaks; ) out.push({ type: 'break' });
    else if (part) {
      const last = out.length - 1;
      if (typeof out[last] === 'string') (out[last] as string) += part;
      else out.push(part);
    }
  }
  return out;
}

function bare(word: string): Inline[] | undefined {
  const web = word.indexOf('://') > 0 ? /https?:\/\/[^\s<>"]+/i.exec(word) : null;
  const mail = !web && word.includes('@') ? /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/.exec(word) : null;
  const found = web || mail;
  if (!found) return undefined;
  let address = found[0];
  // The full stop that ends the sentence is not part of the address; a closing bracket is, if it was opened inside.
  while (/[.,;:!?'"*_~\]]$/.test(address) || (address.endsWith(')') && address.split(')').length > address.split('(').length)) address = address.slice(0, -1);
  const href = safeAddress(web ? address : 'mailto:' + address);
  if (!href) return undefined;
  const rest = word.slice(found.index + address.length);
  return [word.slice(0, found.index), { type: 'link', href, children: [address] }, rest].filter(Boolean) as Inline[];
}
