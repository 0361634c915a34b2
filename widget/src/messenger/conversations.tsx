import { Bones, Header } from './app';
import { Avatar } from './avatar';
import { Icon } from './icons';
import type { Row, Store } from './store';
import { brief, full } from './times';

/** Every conversation of this visitor, the latest first. */
export function Conversations({ store }: { store: Store }) {
  const { t } = store;
  const rows = store.rows.value;
  const start = () => store.go({ tab: 'messages', thread: 'new' });
  return (
    <>
      <Header store={store} title={t('messages')} />
      <div class="scroll rows">
        {rows?.length ? (
          <ul>{rows.map((row) => <ConversationRow key={row.id} store={store} row={row} from="messages" />)}</ul>
        ) : rows ? (
          <div class="empty">
            <Icon name="messages" size={32} />
            <h3>{t('noConversations')}</h3>
            <p>{t('noConversationsHelp')}</p>
          </div>
        ) : (
          <Bones />
        )}
      </div>
      <div class="below">
        <button type="button" class="main" data-first onClick={start}><Icon name="write" size={18} />{t('newConversation')}</button>
      </div>
    </>
  );
}

export function ConversationRow({ store, row, from }: { store: Store; row: Row; from: 'home' | 'messages' }) {
  const { t } = store;
  const language = store.language.value;
  const { last_message: last, unread } = row;
  const isOwn = last.author_kind === 'visitor';
  const [first] = store.team.value;
  // One's own last word does not change whom one is talking to.
  const face = isOwn ? { name: first?.name, url: first?.avatar_url } : { name: last.author_name, url: last.avatar_url };
  return (
    <li>
      <button type="button" class={'row' + (unread ? ' new' : '')} onClick={() => store.go({ tab: from, thread: row.id })}>
        <Avatar store={store} name={face.name || t('team')} url={face.url} size={40} />
        <span class="titles">
          <span class="said" dir="auto">{isOwn ? `${t('you')}: ` : ''}{last.preview || t('attachment')}</span>
          <span class="muted">
            {!isOwn && last.author_name ? `${last.author_name} · ` : ''}
            <time dateTime={last.at} title={full(language, last.at)}>{brief(language, last.at, t('yesterday'))}</time>
          </span>
        </span>
        {unread > 0 ? <span class="dot" aria-label={t('unread', { count: unread })}>{unread > 99 ? '99+' : unread}</span> : <Icon name="next" size={18} />}
      </button>
    </li>
  );
}
