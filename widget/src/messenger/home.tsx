import { Close } from './app';
import { Avatars } from './avatar';
import { ConversationRow } from './conversations';
import { Icon } from './icons';
import type { Store } from './store';

/** The first screen: who we are, what was said lately, and the way to write. */
export function Home({ store }: { store: Store }) {
  const { t } = store;
  const info = store.info.value;
  const look = info?.messenger;
  const rows = (store.rows.value || []).slice(0, 3);
  return (
    <div class="scroll">
      <div class="hero">
        <div class="brand">
          {look?.logo_url ? <img class="logo" src={store.address(look.logo_url)} alt={info!.workspace.name} /> : <span>{info?.workspace.name}</span>}
          <Avatars store={store} size={36} />
          <Close store={store} />
        </div>
        <h2 dir="auto">{look?.greeting || t('greeting')}</h2>
        {look?.team_introduction && <p dir="auto">{look.team_introduction}</p>}
      </div>
      <div class="cards">
        <button type="button" class="card start" data-first onClick={() => store.go({ tab: 'home', thread: 'new' })}>
          <span class="titles">
            <strong>{t('start')}</strong>
            <span class="muted">{store.availability.value}</span>
          </span>
          <span class="ink"><Icon name="write" /></span>
        </button>
        {rows.length > 0 && (
          <section class="card list">
            <div class="over">
              <h3>{t('recent')}</h3>
              {(store.rows.value || []).length > 3 && <button type="button" class="link" onClick={() => store.go({ tab: 'messages' })}>{t('all')}</button>}
            </div>
            <ul>{rows.map((row) => <ConversationRow key={row.id} store={store} row={row} from="home" />)}</ul>
          </section>
        )}
      </div>
      {look?.privacy_url && <p class="foot"><a href={look.privacy_url} target="_blank" rel="noopener noreferrer">{t('privacy')}</a></p>}
    </div>
  );
}
