import { options, render } from 'preact';
import type { LastUnread } from '../boot/visit';
import { guard } from '../launcher/guard';
import type { Engine } from '../engine/index';
import { App, Boundary } from './app';
import css from './messenger.css';
import { Preview } from './preview';
import { Store } from './store';

/** A place in the messenger: a tab, and a conversation (its id, a lane's name, or `new`) with a text for its composer. */
export interface View {
  tab?: 'home' | 'messages';
  thread?: string;
  text?: string;
}

export interface Messenger {
  enter(view: View | undefined, focus: boolean): void;
  leave(): void;
  /** The look, the language or the workspace's answer has changed. */
  dress(): void;
  preview(last: LastUnread | null): void;
  destroy(): void;
}

// What goes wrong in a handler of ours is not the page's to see.
const before = options.vnode;
options.vnode = (vnode) => {
  if (typeof vnode.type === 'string') {
    const props = vnode.props as Record<string, unknown>;
    for (const name in props) {
      if (name[0] === 'o' && name[1] === 'n' && typeof props[name] === 'function') props[name] = guard(props[name] as () => void);
    }
  }
  before?.(vnode);
};

/** Put the messenger into the panel. */
export async function mount(engine: Engine): Promise<Messenger> {
  const { button } = engine.panel;
  const store = new Store(engine);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  await store.prepare();
  let shown: HTMLElement | undefined;
  let card: HTMLElement | undefined;

  const hidePreview = () => {
    if (!card) return;
    render(null, card);
    card.remove();
    card = undefined;
  };
  const adopt = () => {
    const { root } = button;
    if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  };
  const draw = () => {
    const panel = engine.panel.element;
    if (!panel || panel === shown) return;
    shown = panel;
    panel.textContent = '';
    render(<Boundary store={store} again={() => { shown = undefined; draw(); }}><App store={store} panel={panel} /></Boundary>, panel);
  };

  const messenger: Messenger = {
    enter(view, focus) {
      const panel = engine.panel.element;
      if (!panel) return;
      adopt();
      hidePreview();
      store.enter(view);
      draw();
      if (focus) {
        const target = panel.querySelector<HTMLElement>('textarea, [data-first]');
        (target || panel).focus({ preventScroll: true });
      }
    },
    leave() {
      store.leave();
      if (shown) render(null, shown);
      shown = undefined;
    },
    dress: () => store.dress(),
    preview(last) {
      if (!last || engine.panel.element) return hidePreview();
      if (engine.visit.tab.get('dismissed') === key(last)) return;
      adopt();
      if (!card) {
        card = document.createElement('div');
        button.box.insertBefore(card, button.button);
      }
      const dismiss = () => {
        engine.visit.tab.set('dismissed', key(last));
        hidePreview();
      };
      render(
        <Boundary store={store} again={hidePreview}>
          <Preview store={store} last={last} open={() => engine.show({ tab: 'messages', thread: last.conversation })} dismiss={dismiss} />
        </Boundary>,
        card,
      );
    },
    destroy() {
      hidePreview();
      messenger.leave();
      store.end();
    },
  };
  return messenger;
}

const key = (last: LastUnread) => last.conversation + ' ' + last.preview;
