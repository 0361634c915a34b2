import { useState } from 'preact/hooks';
import type { QueuedMessage } from '../outbox/database';
import type { Attachment, Message } from '../outbox/outbox';
import { Avatar } from '../messenger/avatar';
import { Icon } from '../messenger/icons';
import { Markdown } from './markdown-view';
import type { Store } from '../messenger/store';
import { bytes, clock, full } from '../messenger/times';

/** A signed address lives five minutes; after four we ask for another. */
const SIGNED = 4 * 60_000;

/** A message that the server has. */
export function Said({ store, message, opens, closes, state }: { store: Store; message: Message; opens: boolean; closes: boolean; state?: 'sent' | 'seen' }) {
  const { t } = store;
  const language = store.language.value;
  const { author, created_at: at } = message;
  if (message.kind !== 'message') return null;
  const isOwn = author.kind === 'visitor';
  const name = author.name || t('team');
  return (
    <li class={(isOwn ? 'own' : 'other') + (opens ? ' opens' : '') + (closes ? ' closes' : '')}>
      {!isOwn && opens && <span class="who">{name}{author.kind === 'bot' && <em>{t('assistant')}</em>}</span>}
      {!isOwn && closes && store.info.value?.messenger.show_avatars && <Avatar store={store} name={name} url={author.avatar_url} size={28} />}
      {isOwn && <span class="quiet">{t('you')}</span>}
      {message.body && <div class="bubble" title={full(language, at)}><Markdown source={message.body} /></div>}
      {message.attachments.map((file) => <Attached key={file.id} store={store} file={file} />)}
      {(state || closes) && (
        <span class="state">
          <time dateTime={at} title={full(language, at)}>{clock(language, at)}</time>
          {state && ` · ${t(state)}`}
        </span>
      )}
    </li>
  );
}

/** A message that is on its way, or could not go. */
export function Waiting({ store, entry, opens, isLast }: { store: Store; entry: QueuedMessage; opens: boolean; isLast: boolean }) {
  const { t } = store;
  return (
    <li class={'own waiting' + (opens ? ' opens' : '') + (isLast ? ' closes' : '') + (entry.failed ? ' failed' : '')}>
      <span class="quiet">{t('you')}</span>
      {entry.body && <div class="bubble"><Markdown source={entry.body} /></div>}
      {entry.files.map((file) => (
        <span key={file.key} class="file"><Icon name="file" size={18} /><b>{file.name}</b><span class="muted">{bytes(store.language.value, file.size)}</span></span>
      ))}
      {entry.failed ? (
        <span class="state" role="alert">
          <Icon name="alert" size={14} />
          <span>
            <b>{t('notSent')}.</b> {t(reason(entry.failed))}{' '}
            <button type="button" class="link" onClick={() => store.retry(entry.client_id)}>{t('retry')}</button>{' '}
            <button type="button" class="link" onClick={() => store.discard(entry.client_id)}>{t('discard')}</button>
          </span>
        </span>
      ) : (
        isLast && <span class="state">{t(store.online.value ? 'sending' : 'waiting')}</span>
      )}
    </li>
  );
}

function reason(code: string) {
  if (/blocked|forbidden|origin/.test(code)) return 'failedBlocked';
  if (/not_found/.test(code)) return 'failedGone';
  if (/file|type|413|large/.test(code)) return 'failedFile';
  return 'failedLong';
}

function Attached({ store, file }: { store: Store; file: Attachment }) {
  const [url, setUrl] = useState({ address: store.address(file.url), from: Date.now(), tries: 0 });
  const renew = async () => {
    const answer = await store.engine.core.request('GET', '/attachments/' + file.id);
    if (answer.status !== 200) return undefined;
    const address = store.address(answer.data.url);
    setUrl({ address, from: Date.now(), tries: url.tries + 1 });
    return address;
  };
  const open = async (event: Event) => {
    if (Date.now() - url.from < SIGNED) return;
    event.preventDefault();
    const address = await renew();
    if (address) window.open(address, '_blank', 'noopener');
  };
  const isImage = /^image\//.test(file.content_type) && file.width && file.height && url.tries < 3;
  const size = bytes(store.language.value, file.size);
  return (
    <a class={isImage ? 'image' : 'file'} href={url.address} target="_blank" rel="noopener noreferrer" onClick={open} title={`${file.name}, ${size}`}>
      {isImage ? (
        <img src={url.address} alt={file.name} loading="lazy" {...fit(file.width!, file.height!)} onError={renew} />
      ) : (
        <><Icon name="file" size={18} /><b>{file.name}</b><span class="muted">{size}</span></>
      )}
    </a>
  );
}

/** The size a picture will have, known before it has loaded: nothing may jump. */
function fit(width: number, height: number) {
  const scale = Math.min(1, 240 / width, 240 / height);
  return { width: Math.max(48, Math.round(width * scale)), height: Math.max(48, Math.round(height * scale)) };
}
