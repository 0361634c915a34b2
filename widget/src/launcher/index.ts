import type { Engine } from '../engine/index';
import { type Call, shared } from '../shared';
import { Button } from './button';
import { guard } from './guard';
import { isOn, readSettings, type Settings } from './settings';
import { Visit } from './visit';

/** One messenger on one page: the visitor, the launcher, and, when it is wanted, the engine behind them. */
export interface Widget {
  visit: Visit;
  button?: Button;
  engine?: Promise<Engine>;
  /** Make the launcher, if it isn't there. */
  appear(): Button;
}

/** Without any sign of interest the engine comes this much later than the launcher. */
const LATER = 3000;
const INTEREST = ['pointermove', 'pointerdown', 'keydown', 'scroll'];

const common = shared();
let widget: Widget | undefined;
/** Calls that wait for an engine. */
const waiting: Call[] = [];

/** End what is there and begin with these settings; without settings, only end. */
function restart(settings?: Settings): void {
  const before = widget;
  if (before) {
    before.visit.ended = true;
    before.engine?.then((engine) => engine.end(), () => {});
    before.button?.host.remove();
  }
  widget = undefined;
  if (settings?.workspace) begin(settings);
}

function begin(settings: Settings): void {
  const dress = () => {
    const { info, refused, consented } = visit;
    if (refused) mine.button?.host.remove();
    else if (mine.button || info || !consented) mine.appear();
  };
  const visit = new Visit(settings, new URL(common.source).origin, dress);
  const mine: Widget = (widget = {
    visit,
    appear() {
      mine.button ||= new Button(guard(() => forward(['toggle'])), guard(() => visit.consented && load().then((engine) => engine.prefetch())));
      mine.button.dress(visit.info?.messenger, visit.settings);
      return mine.button;
    },
  });
  dress();
  if (visit.consented) void hello(mine);
  // What the tab or the address wants open needs the engine at once.
  if (/[?&]open-widget-tab=/.test(location.search) || visit.tab.get('view')?.includes('"open":true')) void load();
}

async function hello(mine: Widget): Promise<void> {
  // Not before the calls that wait have been taken: what they say about the visitor belongs in the first request.
  await 0;
  const boot = await mine.visit.boot().catch(() => undefined);
  if (!boot) return;
  mine.button!.count(boot.unread);
  const more = () => {
    INTEREST.forEach((type) => removeEventListener(type, more));
    if (widget === mine) void load();
  };
  INTEREST.forEach((type) => addEventListener(type, more, { passive: true }));
  setTimeout(more, boot.unread || waiting.length ? 0 : LATER);
}

function load(): Promise<Engine> {
  const mine = widget!;
  if (!mine.engine) {
    mine.engine = import('../engine/index').then(({ Engine }) => new Engine(mine, restart));
    // A failed download must not be remembered as the engine.
    mine.engine.then(flush, () => (mine.engine = undefined));
  }
  return mine.engine;
}

function flush(engine: Engine): void {
  waiting.splice(0).forEach((call) => engine.take(call));
}

function forward(call: Call): void {
  waiting.push(call);
  if (widget?.engine) widget.engine.then(flush, () => {});
  else if (widget && (widget.visit.introduced || /^(show|toggle|destroy)/.test(call[0]))) void load();
}

function take(call: Call): void {
  const [method, given] = call;
  const isInit = /^(init|boot)$/.test(method);
  if (isInit && !widget) {
    const settings = pageSettings(given);
    if (settings.workspace) begin(settings);
    else console.warn('[opencom] init needs a workspace_id');
  } else if (widget && (isInit || /^(identify|update)$/.test(method)) && !widget.visit.introduced) {
    const { visit } = widget;
    const settings = readSettings(given);
    visit.adopt(settings, method === 'update');
    if (isOn(settings.consent)) restart(visit.settings);
    else if (widget.button) widget.appear();
  } else forward(call);
}

function pageSettings(given?: unknown): Settings {
  return readSettings(common.dataset, (window as { opencomSettings?: unknown }).opencomSettings, given);
}

common.handle = guard(take as (call: Call) => unknown);
const settings = pageSettings();
if (settings.workspace) guard(begin)(settings);
for (const call of common.queue.splice(0)) common.handle(call);
