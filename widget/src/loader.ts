/**
 * The script that a customer's page names. It does as little as it can: makes the public API, keeps the calls, takes its references to
 * the browser's own functions while the page is young, and fetches the launcher when the page is idle.
 */
import { type Call, SHARED } from './shared';

declare const __LAUNCHER__: string;
/** What the chunks use, by kind and in one string each (see `builtins.mjs`); filled in by the build. */
declare const __ARRAY__: string;
declare const __ELEMENT__: string;
declare const __DOCUMENT__: string;
declare const __GLOBALS__: string;

type Any = any; // eslint-disable-line

const METHODS =
  'init boot identify update trackEvent show hide toggle showMessages showNewMessage onReady onShow onHide onUnreadCountChange consent logout shutdown destroy';

function install(win: Any, doc: Any): void {
  const script = doc.currentScript || doc.querySelector('script[src*="/opencom.js"]');
  if (win[SHARED] || !script) return;
  const early = win.OpencomWidget;
  const common: Any = { queue: [], source: script.src, dataset: script.dataset };
  capture(win, doc, common);
  win[SHARED] = common;

  const api: Any = (...call: Call) => take(call);
  for (const method of METHODS.split(' ')) api[method] = (...args: unknown[]) => take([method, ...args]);
  win.OpencomWidget = api;

  let isLoading = false;
  const load = () => {
    if (!isLoading) fetchLauncher(0);
    isLoading = true;
  };
  const fetchLauncher = (attempt: number) =>
    import(new URL(__LAUNCHER__ + (attempt ? '?' + attempt : ''), script.src).href).catch((error) => {
      if (attempt < 5) common.setTimeout(fetchLauncher, Math.random() * 1000 * 2 ** attempt, attempt + 1);
      else console.warn('[opencom]', error);
    });

  function take(call: Call): unknown {
    if (common.handle) common.handle(call);
    else {
      common.queue.push(call);
      if (/^(show|toggle)/.test(call[0])) load();
    }
    if (/^on/.test(call[0])) return () => take(['off', ...call]);
  }

  for (const call of early?.q || []) take([...call] as Any);
  if (win.requestIdleCallback) win.requestIdleCallback(load, { timeout: 5000 });
  else common.setTimeout(load, 500);
}

const safe =
  (work: Any) =>
  (...args: Any[]) => {
    try {
      work(...args);
    } catch (error) {
      console.warn('[opencom]', error);
    }
  };

/** Keep the browser's own functions, so that what the page does to them later does not matter. */
function capture(win: Any, doc: Any, into: Any): void {
  const { call } = Function.prototype;
  let spare: Any;
  // A page that has already replaced something lends us an untouched copy, from an empty frame.
  const pure = (find: (from: Any) => Any) => {
    const found = find(win);
    if (/\[native code]/.test(call.call(call.toString, found))) return found;
    if (!spare) {
      const frame = doc.createElement('iframe');
      doc.documentElement.appendChild(frame);
      spare = frame.contentWindow;
      frame.remove();
    }
    return find(spare);
  };
  for (const name of __ARRAY__.split(' ')) {
    const method = call.bind(pure((from) => from.Array.prototype[name]));
    // The name alone does not say whether the receiver is an array: strings and sets have some of these too.
    into['$' + name] = (on: Any, ...args: Any[]) => (Array.isArray(on) ? method(on, ...args) : on[name](...args));
  }
  for (const name of __ELEMENT__.split(' ')) into['$' + name] = call.bind(win.Element.prototype[name]);
  for (const name of __DOCUMENT__.split(' ')) into['$' + name] = call.bind(win.Document.prototype[name]);
  for (const name of __GLOBALS__.split(' ')) {
    const found = win[name];
    // Constructors start with a capital letter and may not be bound; what a timer runs must not fail in the page's name.
    into[name] = name < 'a' ? found : /^set/.test(name) ? (work: Any, ...rest: Any[]) => call.call(found, win, safe(work), ...rest) : found.bind(win);
  }
  into.JSON = { parse: pure((from) => from.JSON.parse), stringify: pure((from) => from.JSON.stringify) };
}

safe(install)(window, document);
