const BROWSERS: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', OPT: 'Opera', SamsungBrowser: 'Samsung Internet', FxiOS: 'Firefox', CriOS: 'Chrome', Version: 'Safari' };
const SYSTEMS: Record<string, string> = { iP: 'iOS', Macintosh: 'macOS', CrOS: 'ChromeOS' };

/** What browser this is, in the terms the server keeps. Browsers name each other, so the peculiar names come first. */
export function device(agent = navigator.userAgent, touch = navigator.maxTouchPoints): Record<string, string> {
  const find = (peculiar: RegExp, common: RegExp) => peculiar.exec(agent) || common.exec(agent) || ['', '', ''];
  const [, browser, version] = find(/(Edg|OPR|OPT|SamsungBrowser|Firefox|FxiOS|CriOS)\w*\/([\d.]+)/, /(Chrome|Version)\/([\d.]+)/);
  const found = find(/iP|Android|Windows|Macintosh|CrOS/, /Linux/)[0]!;
  // A tablet of Apple's says it is a computer, but computers of Apple's have no touch screen.
  const isPad = /iPad/.test(agent) || (found === 'Macintosh' && touch > 1);
  const os = isPad ? 'iOS' : SYSTEMS[found] || found;
  const isTablet = isPad || /Tablet/.test(agent) || (os === 'Android' && !/Mobile/.test(agent));
  return { browser: BROWSERS[browser!] || browser!, browser_version: version!, os, type: isTablet ? 'tablet' : /Mobi/.test(agent) ? 'mobile' : 'desktop' };
}

/** The name of the visitor's time zone. Loading `Intl`'s formats for it takes a phone 50 ms, so it is asked only where there is no other way. */
export function timezone(): string {
  try {
    return (window as any).Temporal.Now.timeZoneId();
  } catch {
    return Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
}
