import type { ComponentChildren } from 'preact';
import { type Block, type Inline, parse } from './markdown';

/** A message's text as elements. */
export function Markdown({ source }: { source: string }) {
  return <>{parse(source).map(block)}</>;
}

function block(it: Block, key: number): ComponentChildren {
  if (it.type === 'paragraph') return <p key={key} dir="auto">{it.children.map(span)}</p>;
  if (it.type === 'code') return <pre key={key} dir="ltr" tabIndex={0}><code>{it.text}</code></pre>;
  if (it.type === 'quote') return <blockquote key={key} dir="auto">{it.children.map(block)}</blockquote>;
  const items = it.items.map((item, at) => {
    const [only] = item;
    return <li key={at} dir="auto">{item.length === 1 && only?.type === 'paragraph' ? only.children.map(span) : item.map(block)}</li>;
  });
  return it.start === undefined ? <ul key={key} dir="auto">{items}</ul> : <ol key={key} dir="auto" start={it.start}>{items}</ol>;
}

function span(it: Inline, key: number): ComponentChildren {
  if (typeof it === 'string') return it;
  if (it.type === 'break') return <br key={key} />;
  if (it.type === 'code') return <code key={key}>{it.text}</code>;
  if (it.type === 'link') {
    return <a key={key} href={it.href} target="_blank" rel="noopener noreferrer nofollow">{it.children.map(span)}</a>;
  }
  const Tag = it.type === 'bold' ? 'strong' : it.type === 'italic' ? 'em' : 's';
  return <Tag key={key}>{it.children.map(span)}</Tag>;
}
