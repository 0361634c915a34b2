import type { Engine } from '../engine/index';
import type { Launcher } from '../launcher/index';
import { guard, report } from '../launcher/guard';
import { isOn, readSettings, type Settings } from '../launcher/settings';
import type { Call } from '../shared';
import { Visit } from './visit';

/** Unless there is a sign of somebody being there, the engine comes this much later than the session. */
const LATER = 5000;
const SIGNS = ['pointermove', 'pointerdown', 'keydown', 'scroll', 'wheel', 'touchstart'];

/** A messenger on a page: its visitor, whom it introduces to the server, and the engine, once there is a use for it. */
export class Widget {
  readonly visit: Visit;
  private engine?: Promise<Engine>;
  private waiting: Call[] = [];
  private isEnded = false;

  constructor(
    readonly launcher: Launcher,
    readonly restart: (settings?: Settings) => void,
    calls: Call[],
  ) {
    this.visit = new Visit(launcher, () => this.dress());
    for (const call of calls) this.take(call);
    if (this.visit.consented) this.greet().catch(report);
    // What the address or the tab wants open needs the engine at once.
    if (/[?&]open-widget-tab=/.test(location.search) || /"open":true/.test(this.visit.tab.get('view')!)) this.load().catch(report);
  }

  /** Take one call of the public API. */
  take(call: Call): void {
    const [method, given] = call;
    const { visit } = this;
    if (!visit.introduced && /^(init|boot|identify|update)$/.test(method)) {
      // What the page says this early goes with the first request.
      const settings = readSettings(given);
      visit.adopt(settings, method === 'update');
      if (isOn(settings.consent) && !visit.consented) {
        visit.allow(true);
        this.greet().catch(report);
      }
      if (this.launcher.button) this.dress();
      return;
    }
    this.waiting.push(call);
    if (this.engine) this.flush();
    else if (visit.introduced || /^(show|toggle|destroy)/.test(method)) this.load().catch(report);
  }

  /** Have everything at hand: somebody is about to open the messenger. */
  async prefetch(): Promise<void> {
    (await this.load()).prefetch();
  }

  end(): void {
    this.isEnded = this.visit.ended = true;
    this.engine?.then((engine) => engine.end(), () => {});
  }

  private dress(): void {
    const { visit, launcher } = this;
    if (visit.refused) launcher.button?.remove();
    else launcher.appear(visit.info?.messenger, visit.settings);
  }

  private async greet(): Promise<void> {
    // Not before the calls that are waiting now have been taken.
    await 0;
    const { unread } = await this.visit.boot();
    if (this.isEnded) return;
    this.launcher.button!.count(unread);
    if (unread || this.waiting.length) await this.load();
    const timer = setTimeout(() => come(), LATER);
    const come = () => {
      clearTimeout(timer);
      for (const sign of SIGNS) removeEventListener(sign, come);
      if (!this.isEnded) this.load().catch(report);
    };
    for (const sign of SIGNS) addEventListener(sign, come, { passive: true });
  }

  private load(): Promise<Engine> {
    if (!this.engine) {
      this.engine = import('../engine/index').then(({ Engine }) => new Engine(this));
      this.engine.catch(() => (this.engine = undefined));
      this.flush();
    }
    return this.engine;
  }

  private flush(): void {
    this.engine!.then((engine) => this.waiting.splice(0).forEach(guard((call: Call) => engine.take(call))), () => {});
  }
}
