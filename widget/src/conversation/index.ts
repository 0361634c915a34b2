import css from './conversation.css';

export { ThreadView } from './thread-view';

/** The styles of a conversation, for the root that shows one. */
export function sheet(): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}
