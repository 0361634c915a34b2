import { Component, type ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { report } from '../launcher/guard';
import { Avatar, Avatars } from './avatar';
import { Conversations } from './conversations';
import { Home } from './home';
import { Icon } from './icons';
import type { Store } from './store';

/** Keeps a mistake of ours from taking the messenger, or the page, with it. */
export class Boundary extends Component<{ store: Store; again: () => void; children: ComponentChildren }, { failed: boolean }> {
  override state = { failed: false };

  override componentDidCatch(error: unknown): void {
    report(error);
    this.setState({ failed: true });
  }

  render() {
    const { store, again, children } = this.props;
    if (!this.state.failed) return children;
    const restart = () => {
      this.setState({ failed: false });
      store.go({ tab: 'home' });
      again();
    };
    return (
      <div class="empty" role="alert">
        <p>{store.t('failedView')}</p>
        <button type="button" class="main" onClick={restart}>{store.t('reload')}</button>
      </div>
    );
  }
}

/** The panel's content. */
export function App({ store, panel }: { store: Store; panel: HTMLElement }) {
  const thread = store.thread.value;
  const tab = store.tab.value;
  const ThreadView = store.conversation.value;
  useEffect(() => trap(panel, () => store.engine.hide()), [panel]);
  useFocus(panel, [tab, thread, store.queue.value]);
  panel.setAttribute('role', 'dialog');
  panel.setAttribute('aria-label', store.info.value?.workspace.name || store.t('messages'));
  panel.setAttribute('aria-modal', '' + (innerWidth < 480));
  return (
    <>
      {!thread ? tab === 'home' ? <Home store={store} /> : <Conversations store={store} /> : null}
      {thread && (ThreadView ? <ThreadView key={thread.lane} store={store} thread={thread} /> : <Loading store={store} />)}
      {!thread && <Tabs store={store} />}
      <div class="quiet" role="log" aria-live="polite" aria-relevant="additions text">{store.announcement.value}</div>
    </>
  );
}

/** A conversation whose code is still on its way. */
function Loading({ store }: { store: Store }) {
  return (
    <>
      <Header store={store} title={store.info.value?.workspace.name || store.t('messages')} back={() => store.go({ tab: store.tab.value })} />
      <Bones kind="talk" />
    </>
  );
}

/** Where something will be; seen only when it takes long. */
export function Bones({ kind = '' }: { kind?: string }) {
  return <div class={'bones ' + kind} aria-hidden="true"><i /><i /><i /></div>;
}

function Tabs({ store }: { store: Store }) {
  const { t } = store;
  const unread = store.unread.value;
  const names = ['home', 'messages'] as const;
  return (
    <nav class="tabs">
      {names.map((name) => (
        <button key={name} type="button" aria-current={store.tab.value === name ? 'page' : undefined} onClick={() => store.go({ tab: name })}>
          <Icon name={name} size={22} />
          {t(name)}
          {name === 'messages' && unread > 0 && <span class="dot" aria-label={t('unread', { count: unread })}>{unread > 99 ? '99+' : unread}</span>}
        </button>
      ))}
    </nav>
  );
}

interface HeaderProps {
  store: Store;
  title: string;
  line?: string;
  back?: () => void;
  isOnline?: boolean;
  /** Whom one is talking to, in place of the whole team. */
  face?: { name: string; avatar_url: string | null };
}

/** The coloured top of every screen but home. */
export function Header({ store, title, line, back, isOnline, face }: HeaderProps) {
  return (
    <header class="head">
      {back && <button type="button" class="icon" aria-label={store.t('back')} onClick={back}><Icon name="back" size={22} /></button>}
      {face ? <div class="faces"><Avatar store={store} name={face.name} url={face.avatar_url} size={36} /></div> : back && <Avatars store={store} />}
      <div class="titles">
        <h2>{title}</h2>
        {line && <p>{isOnline && <span class="online" />}{line}</p>}
      </div>
      <Close store={store} />
    </header>
  );
}

export function Close({ store }: { store: Store }) {
  return <button type="button" class="icon" aria-label={store.t('close')} onClick={() => store.engine.hide()}><Icon name="close" size={22} /></button>;
}

/** When what had the focus goes away with its screen, the panel takes it: Escape and Tab must go on working. */
function useFocus(panel: HTMLElement, screen: unknown[]): void {
  const isFirst = useRef(true);
  useEffect(() => {
    const root = panel.getRootNode() as ShadowRoot;
    const isLost = !root.activeElement && [document.body, root.host, null].includes(document.activeElement as HTMLElement);
    // A messenger in a frame, or in a window behind, takes nobody's focus.
    if (isLost && !isFirst.current && document.hasFocus()) panel.focus({ preventScroll: true });
    isFirst.current = false;
  }, screen);
}

const FOCUSABLE = 'button:not([disabled]), textarea, a[href], input:not([hidden]), [tabindex="0"]';

/** Tab stays in the panel, Escape leaves it. */
function trap(panel: HTMLElement, leave: () => void): () => void {
  const keys = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && !event.isComposing) {
      event.preventDefault();
      leave();
    }
    if (event.key !== 'Tab') return;
    const all = Array.from(panel.querySelectorAll<HTMLElement>(FOCUSABLE)).filter((each) => each.offsetParent);
    const active = (panel.getRootNode() as ShadowRoot).activeElement;
    const [first, last] = [all[0], all[all.length - 1]];
    const leaving = event.shiftKey ? active === first || active === panel : active === last;
    if (!leaving) return;
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  };
  panel.addEventListener('keydown', keys);
  return () => panel.removeEventListener('keydown', keys);
}
