import type { Widget } from '../boot/widget';
import { type Call, shared } from '../shared';
import { Button, type Look } from './button';
import { guard } from './guard';
import { decode } from './json';
import { isOn, readSettings, type Settings } from './settings';
import { LOOK, SESSION, Storage } from './storage';

export type { Launcher };

const common = shared();
let current: Launcher | undefined;
/** Calls that came before there was anybody to take them. */
let early: Call[] = [];

/** What is on a page before anything else is fetched: the button as it looked last time. The rest is behind `widget`. */
class Launcher {
  readonly storage: Storage;
  readonly origin = new URL(common.source).origin;
  /** Whether the visitor may be remembered: they may, unless the page waits for consent and there was none before. */
  readonly consented: boolean;
  button?: Button;
  private loading?: Promise<Widget>;
  private readonly abort = new AbortController();

  constructor(readonly settings: Settings) {
    this.storage = new Storage(`opencom.${settings.workspace}.`, 'localStorage');
    this.consented = settings.consent == null || isOn(settings.consent) || !!this.storage.get(SESSION);
    const info = decode(this.storage.get(LOOK));
    if (info || !this.consented) this.appear(info?.messenger, settings);
    if (settings.customlauncherselector) document.addEventListener('click', guard((event) => this.follow(event)), { signal: this.abort.signal });
    if (this.consented) void this.widget();
  }

  /** Whether there is somebody to take a call: before consent there is not, until the visitor opens the messenger. */
  get isWanted(): boolean {
    return this.consented || !!this.loading;
  }

  /** Show the button, or change how it looks. */
  appear(look: Look | undefined, settings: Settings): Button {
    this.button ||= new Button(
      guard(() => take(['toggle'])),
      guard(() => this.isWanted && this.widget().then((widget) => widget.prefetch())),
    );
    this.button.dress(look, settings);
    return this.button;
  }

  /** Who stands behind the button; fetched once. */
  widget(): Promise<Widget> {
    if (!this.loading) {
      this.loading = import('../boot/widget').then(({ Widget }) => new Widget(this, begin, early.splice(0)));
      // A failed download must not be remembered.
      this.loading.catch(() => (this.loading = undefined));
    }
    return this.loading;
  }

  end(): void {
    this.abort.abort();
    void this.loading?.then((widget) => widget.end());
    this.button?.remove();
  }

  /** A click on the page's own launcher. */
  private follow(event: Event): void {
    if (!(event.target as Element).closest(this.settings.customlauncherselector!)) return;
    event.preventDefault();
    take(['toggle']);
  }
}

/** End what is there and begin with these settings; without settings, only end. */
function begin(settings?: Settings): void {
  current?.end();
  current = settings && new Launcher(settings);
}

function take(call: Call): unknown {
  const [method, given] = call;
  // Consent is given like any other setting; what was never given needs no taking back.
  if (method === 'consent' && given !== false) return take(['update', { consent: true }]);
  if (method === 'consent' && !current?.isWanted) return;
  if (!current && /^(init|boot)$/.test(method)) {
    const settings = pageSettings(given);
    if (settings.workspace) begin(settings);
  } else if (current && (current.isWanted || /^(show|toggle|destroy|update)/.test(method))) return current.widget().then((widget) => widget.take(call));
  else early.push(call);
}

function pageSettings(given?: unknown): Settings {
  return readSettings(common.dataset, (window as { opencomSettings?: unknown }).opencomSettings, given);
}

common.handle = guard(take as (call: Call) => unknown);
common.handle(['init']);
for (const call of common.queue.splice(0)) common.handle(call);
