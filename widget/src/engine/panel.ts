import type { Button, Look } from '../launcher/button';
import { parseColour, textOn } from '../launcher/colour';
import type { Settings } from '../launcher/settings';
import { readableOn } from './contrast';
import { chooseLanguage, type Language, labelOf } from './language';
import css from './panel.css';

/** What the page's keyboard handling and focus traps must not see: it happens in here. */
const PRIVATE = ['keydown', 'keyup', 'keypress', 'focusin', 'focusout', 'paste', 'dragover', 'drop'];

/** The window that opens from the launcher, its colours, and its hold on the page. */
export class Panel {
  element?: HTMLElement;
  language: Language = 'en';
  private theme = 'system';
  private readonly dark = matchMedia('(prefers-color-scheme: dark)');
  private readonly visible = window.visualViewport;
  private readonly keeper: MutationObserver;

  constructor(readonly button: Button) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    button.root.adoptedStyleSheets = [...button.root.adoptedStyleSheets, sheet];
    button.label = () => labelOf(this.language, button.isOpen, button.unread);
    for (const type of PRIVATE) button.host.addEventListener(type, (event) => event.stopPropagation());
    this.dark.addEventListener('change', this.paint);
    // On a phone the keyboard covers part of the page: the panel takes what is left.
    if (this.visible) for (const type of ['resize', 'scroll']) this.visible.addEventListener(type, this.fit);
    // A page that clears itself takes us along; then we come back.
    this.keeper = new MutationObserver(() => button.place());
    this.keeper.observe(document.documentElement, { childList: true });
  }

  dress(look: Look | undefined, settings: Settings): void {
    this.theme = settings.theme || look?.theme || 'system';
    this.language = chooseLanguage(settings.language, look?.languages, look?.default_language);
    this.button.box.lang = this.language;
    const accent = this.button.box.style.getPropertyValue('--accent');
    const head = [settings.backgroundcolor, look?.background_color].find(parseColour) || accent;
    this.button.set('--head', head);
    this.button.set('--on-head', textOn(head));
    this.button.set('--ink-light', readableOn(accent, '#f3f4f6'));
    this.button.set('--ink-dark', readableOn(accent, '#262a32'));
    this.paint();
    this.button.draw();
  }

  /** Open with the greeting, which the messenger replaces as soon as it is there. */
  open(greeting: string): void {
    const panel = (this.element = document.createElement('div'));
    const hero = document.createElement('div');
    const title = document.createElement('h2');
    panel.className = 'panel';
    panel.tabIndex = -1;
    hero.className = 'hero';
    title.textContent = greeting;
    if (!greeting) title.ariaHidden = 'true';
    hero.appendChild(title);
    panel.appendChild(hero);
    this.button.box.insertBefore(panel, this.button.button);
    this.show(true);
  }

  close(): void {
    const hadFocus = this.button.root.activeElement;
    this.element!.remove();
    this.element = undefined;
    this.show(false);
    if (hadFocus) this.button.button.focus({ preventScroll: true });
  }

  end(): void {
    this.keeper.disconnect();
    this.dark.removeEventListener('change', this.paint);
    if (this.visible) for (const type of ['resize', 'scroll']) this.visible.removeEventListener(type, this.fit);
  }

  private show(isOpen: boolean): void {
    this.button.isOpen = isOpen;
    this.button.box.classList.toggle('open', isOpen);
    this.button.draw();
  }

  private readonly fit = () => {
    this.button.set('--top', this.visible!.offsetTop + 'px');
    this.button.set('--tall', this.visible!.height + 'px');
  };

  private readonly paint = () => {
    this.button.box.classList.toggle('dark', this.theme === 'dark' || (this.theme !== 'light' && this.dark.matches));
  };
}
