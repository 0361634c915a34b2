import type { LastUnread } from '../boot/visit';
import { Avatar } from './avatar';
import { Icon } from './icons';
import type { Store } from './store';

/** An unread message beside the closed launcher. */
export function Preview({ store, last, open, dismiss }: { store: Store; last: LastUnread; open: () => void; dismiss: () => void }) {
  const { t } = store;
  const name = last.author_name || t('team');
  const mate = store.team.value.find((each) => each.name === last.author_name);
  return (
    <div class="peek" role="status">
      <button type="button" class="row" onClick={open}>
        <Avatar store={store} name={name} url={mate?.avatar_url} size={36} />
        <span class="titles">
          <strong>{name}</strong>
          <span class="said" dir="auto">{last.preview || t('attachment')}</span>
        </span>
      </button>
      <button type="button" class="icon" aria-label={t('close')} onClick={dismiss}><Icon name="close" size={16} /></button>
    </div>
  );
}
