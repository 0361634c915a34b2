import type { ComponentChild } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { QueuedMessage } from '../outbox/database';
import type { Message } from '../outbox/outbox';
import { Bones, Header } from '../messenger/app';
import { Avatar } from '../messenger/avatar';
import { Said, Waiting } from './bubble';
import { Composer, useDrop } from './composer';
import { Email } from './email';
import { Icon } from '../messenger/icons';
import type { Store } from '../messenger/store';
import type { Thread } from '../messenger/thread';
import { day, dayOf } from '../messenger/times';

/** Messages of one writer within this time stand together. */
const TOGETHER = 5 * 60_000;
/** Closer to the end than this, the reader is following. */
const NEAR = 60;

/** One conversation: what was said, who is writing, and the composer. */
export function ThreadView({ store, thread }: { store: Store; thread: Thread }) {
  const { t } = store;
  const list = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const height = useRef(0);
  const [below, setBelow] = useState(0);
  const messages = thread.messages.value;
  const waiting = thread.waiting(store.queue.value);
  const typists = thread.typists.value;
  const last = thread.last.value;
  const dropping = useDrop(store, thread, list);
  const partner = [...messages].reverse().find((each) => each.author.kind === 'member' || each.author.kind === 'bot')?.author;

  // Stay at the end while the reader is there; otherwise keep what they read where it is.
  useLayoutEffect(() => {
    const box = list.current!;
    if (following.current) box.scrollTop = box.scrollHeight;
    else if (height.current && box.scrollTop < NEAR) box.scrollTop += box.scrollHeight - height.current;
    height.current = box.scrollHeight;
  }, [messages, waiting.length, typists.length]);

  useNews(store, thread, last, following, setBelow);

  // Seen means: open, in front, and at the end.
  const isSeen = store.focused.value && store.shown.value && !below;
  useEffect(() => {
    if (isSeen && last) void thread.see();
  }, [isSeen, last?.seq]);

  const toEnd = () => {
    following.current = true;
    setBelow(0);
    list.current!.scrollTop = list.current!.scrollHeight;
  };
  const scrolled = () => {
    const box = list.current!;
    following.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    if (following.current && below) setBelow(0);
    if (box.scrollTop < NEAR && thread.more.value) void thread.loadMore();
  };
  const leave = () => {
    thread.type(false);
    store.go({ tab: store.tab.value });
  };

  return (
    <>
      <Header
        store={store}
        title={partner?.name || store.info.value?.workspace.name || t('messages')}
        line={store.availability.value}
        isOnline={store.isTeamOnline.value}
        face={store.info.value?.messenger.show_avatars ? partner : undefined}
        back={leave}
      />
      <Connection store={store} />
      <div class="scroll thread" ref={list} onScroll={scrolled} tabIndex={0} role="region" aria-label={t('messages')}>
        {thread.more.value && <button type="button" class="link older" onClick={() => void thread.loadMore()}>{t('older')}</button>}
        {!thread.loaded.value && !waiting.length && <Bones kind="talk" />}
        {thread.loaded.value && !messages.length && !waiting.length && <Welcome store={store} />}
        <Talk store={store} thread={thread} messages={messages} waiting={waiting} />
        {typists.length > 0 && <Typing store={store} names={typists.map((each) => each.name)} />}
      </div>
      {below > 0 && <button type="button" class="pill" onClick={toEnd}><Icon name="down" size={16} />{t('newBelow', { count: below })}</button>}
      {thread.status.value === 'closed' && <p class="line">{t('closed')}</p>}
      {dropping && <div class="drop">{t('drop')}</div>}
      {(waiting.length > 0 || messages.some((each) => each.author.kind === 'visitor')) && <Email store={store} />}
      <Composer store={store} thread={thread} sent={toEnd} />
    </>
  );
}

/** Announce what arrives from others, and count what arrives out of sight. */
function useNews(store: Store, thread: Thread, last: Message | undefined, following: { current: boolean }, setBelow: (update: (n: number) => number) => void) {
  const known = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (!thread.loaded.value) return;
    const before = known.current;
    known.current = last?.seq ?? 0;
    if (before === undefined || !last) return;
    const news = thread.messages.value.filter((each) => each.seq > before && each.author.kind !== 'visitor' && each.kind === 'message');
    if (!news.length) return;
    const { author, body } = news[news.length - 1]!;
    store.announcement.value = store.t('says', { name: author.name || store.t('team'), text: body || store.t('attachment') });
    if (!following.current) setBelow((count) => count + news.length);
  }, [last?.seq, thread.loaded.value]);
}

function Talk({ store, thread, messages, waiting }: { store: Store; thread: Thread; messages: Message[]; waiting: QueuedMessage[] }) {
  const { t } = store;
  const language = store.language.value;
  const out: ComponentChild[] = [];
  let before: Message | undefined;
  let lastDay = 0;
  const separate = (at: string) => {
    const today = dayOf(at);
    if (today !== lastDay) out.push(<li key={'d' + today} class="day">{day(language, at, t('today'), t('yesterday'))}</li>);
    const isNew = today !== lastDay;
    lastDay = today;
    return isNew;
  };
  let lastOwn = -1;
  messages.forEach((each, at) => {
    if (each.author.kind === 'visitor' && each.kind === 'message') lastOwn = at;
  });
  messages.forEach((message, at) => {
    const isNewDay = separate(message.created_at);
    const next = messages[at + 1];
    const opens = isNewDay || !before || !isTogether(before, message);
    const closes = next ? !isTogether(message, next) : !(waiting.length && message.author.kind === 'visitor');
    const state = at === lastOwn && !waiting.length ? (message.seq <= thread.seenByAgents.value ? 'seen' : 'sent') : undefined;
    out.push(<Said key={message.client_id || message.id} store={store} message={message} opens={opens} closes={closes} state={state} />);
    before = message;
  });
  waiting.forEach((entry, at) => {
    const isNewDay = separate(entry.at);
    const opens = isNewDay || (at === 0 && before?.author.kind !== 'visitor');
    out.push(<Waiting key={entry.client_id} store={store} entry={entry} opens={opens} isLast={at === waiting.length - 1} />);
  });
  return <ol class="talk">{out}</ol>;
}

function isTogether(a: Message, b: Message): boolean {
  return (
    a.kind === 'message' && b.kind === 'message' && a.author.kind === b.author.kind && a.author.id === b.author.id &&
    Date.parse(b.created_at) - Date.parse(a.created_at) < TOGETHER
  );
}

function Welcome({ store }: { store: Store }) {
  const look = store.info.value?.messenger;
  return (
    <div class="empty">
      <h3 dir="auto">{look?.greeting || store.t('greeting')}</h3>
      <p>{store.t('emptyThread')}</p>
    </div>
  );
}

function Typing({ store, names }: { store: Store; names: string[] }) {
  const label = names.length > 1 ? store.t('typingMany') : store.t('typing', { name: names[0] || store.t('team') });
  const face = store.team.value.find((each) => each.name === names[0]);
  return (
    <div class="typing" role="status" aria-label={label} title={label}>
      {store.info.value?.messenger.show_avatars && <Avatar store={store} name={names[0] || ''} url={face?.avatar_url} size={28} />}
      <span class="bubble"><i /><i /><i /></span>
    </div>
  );
}

function Connection({ store }: { store: Store }) {
  const isOffline = !store.online.value;
  const isLost = store.status.value === 'connecting' && store.engine.core.ready;
  const [late, setLate] = useState(false);
  // A connection that is back within moments is nobody's concern.
  useEffect(() => {
    setLate(false);
    if (!isLost) return;
    const timer = setTimeout(() => setLate(true), 4000);
    return () => clearTimeout(timer);
  }, [isLost]);
  if (!isOffline && !(isLost && late)) return null;
  return <p class="line" role="status">{store.t(isOffline ? 'offline' : 'connecting')}</p>;
}
