import { useState } from 'preact/hooks';
import type { Store } from './store';

const HUES = [12, 45, 95, 150, 200, 250, 290, 330];

/** A face, or initials on a colour of their own when there is none, or none that loads. */
export function Avatar({ store, name, url, size = 32 }: { store: Store; name: string; url?: string | null; size?: number }) {
  const [broken, setBroken] = useState<string>();
  const box = { width: size + 'px', height: size + 'px', fontSize: size * 0.38 + 'px' };
  if (url && url !== broken) {
    return <img class="avatar" style={box} alt="" src={store.address(url)} onError={() => setBroken(url)} />;
  }
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 ? words[words.length - 1] : ''].map((word) => [...(word || '')][0] || '').join('');
  let sum = 0;
  for (const c of name) sum = (sum * 31 + c.codePointAt(0)!) % 997;
  return (
    <span class="avatar" style={{ ...box, '--hue': HUES[sum % HUES.length] }} aria-hidden="true">{initials.toUpperCase()}</span>
  );
}

/** The team's faces, at most three. */
export function Avatars({ store, size = 32 }: { store: Store; size?: number }) {
  const info = store.info.value;
  if (!info?.messenger.show_avatars || !info.team.length) return null;
  return (
    <div class="faces" aria-hidden="true">
      {info.team.slice(0, 3).map((each) => <Avatar key={each.id} store={store} name={each.name} url={each.avatar_url} size={size} />)}
    </div>
  );
}
