import { parseColour, textOn } from './colour';
import css from './launcher.css';
import { isOn, type Settings } from './settings';

/** How the workspace wants the messenger to look, as boot gives it. */
export interface Look {
  primary_color: string;
  background_color: string;
  theme: 'light' | 'dark' | 'system';
  launcher: { position: 'right' | 'left'; side_spacing: number; bottom_spacing: number; show: boolean; icon_url: string | null };
  greeting: string;
  team_introduction: string;
  logo_url: string | null;
  show_avatars: boolean;
  languages: string[];
  default_language: string;
  privacy_url: string | null;
}

const SVG = 'http://www.w3.org/2000/svg';
const BUBBLE = 'M21 11.5a8.4 8.4 0 0 1-12.3 7.5L3 21l1.9-5.7A8.5 8.5 0 1 1 21 11.5Z';
const DOWN = 'm6 9 6 6 6-6';
const ACCENT = '#3b5bdb';

/** The widget's place on the page: a host with a shadow root, and the launcher in it. */
export class Button {
  readonly host = document.createElement('opencom-widget');
  readonly root = this.host.attachShadow({ mode: 'open' });
  readonly box = document.createElement('div');
  readonly button = document.createElement('button');
  isOpen = false;
  private isGone = false;
  private readonly badge = document.createElement('span');
  private readonly path = document.createElementNS(SVG, 'path');
  private readonly icon = document.createElementNS(SVG, 'svg');
  private image?: HTMLImageElement;
  unread = 0;
  /** The accessible name. The engine has better ones, which need a language. */
  label = () => 'Messenger';

  constructor(toggle: () => void, near: () => void) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.root.adoptedStyleSheets = [sheet];
    this.box.className = 'ow';
    this.button.className = 'launch';
    this.badge.className = 'badge';
    this.icon.setAttribute('viewBox', '0 0 24 24');
    this.icon.appendChild(this.path);
    this.button.appendChild(this.icon);
    this.button.appendChild(this.badge);
    this.box.appendChild(this.button);
    this.root.appendChild(this.box);
    this.button.addEventListener('click', toggle);
    this.button.addEventListener('pointerenter', near);
    this.button.addEventListener('focus', near);
    this.place();
  }

  /** Beside <body>, which single-page navigations replace. */
  place(): void {
    if (!this.isGone && this.host.parentNode !== document.documentElement) document.documentElement.appendChild(this.host);
  }

  remove(): void {
    this.isGone = true;
    this.host.remove();
  }

  /** Show a look, with what the page's own settings override. */
  dress(look: Look | undefined, settings: Settings): void {
    const launcher = look?.launcher;
    const accent = [settings.primarycolor, look?.primary_color, ACCENT].find(parseColour)!;
    this.set('--accent', accent);
    this.set('--on-accent', textOn(accent));
    this.set('--side', pixels(settings.horizontalpadding || launcher?.side_spacing));
    this.set('--bottom', pixels(settings.verticalpadding || launcher?.bottom_spacing));
    this.host.style.setProperty('--ow-z', settings.zindex || '');
    this.box.classList.toggle('left', (settings.alignment || launcher?.position) === 'left');
    this.button.classList.toggle('none', settings.hidedefaultlauncher ? isOn(settings.hidedefaultlauncher) : launcher?.show === false);
    if (launcher?.icon_url && !this.image) {
      this.image = document.createElement('img');
      this.image.alt = '';
      this.image.src = launcher.icon_url;
      this.button.insertBefore(this.image, this.badge);
    }
    this.draw();
  }

  count(unread: number): void {
    this.unread = unread;
    this.draw();
  }

  draw(): void {
    const { unread, isOpen } = this;
    this.badge.textContent = isOpen || !unread ? '' : unread > 99 ? '99+' : '' + unread;
    this.path.setAttribute('d', isOpen ? DOWN : BUBBLE);
    this.button.ariaLabel = this.label();
    this.button.ariaExpanded = '' + isOpen;
  }

  set(name: string, value: string): void {
    this.box.style.setProperty(name, value);
  }
}

const pixels = (value: string | number = 20) => Math.max(0, Math.min(100, +value || 0)) + 'px';
