/** Browsers in an order that works although they name each other: `name=token before the version`. */
const BROWSERS = 'Edge=Edg(?:A|iOS)?;Opera=OP[RT];Samsung Internet=SamsungBrowser;Firefox=F(?:irefox|xiOS);Chrome=Chrome|CriOS;Safari=Version';
const SYSTEMS = 'iOS=iP(?:hone|ad|od);Android=Android;Windows=Windows;macOS=Macintosh;ChromeOS=CrOS;Linux=Linux';

/** What browser this is, in the terms the server keeps. */
export function device(agent = navigator.userAgent, touch = navigator.maxTouchPoints): Record<string, string> {
  const [browser, version] = find(agent, BROWSERS, '/([\\d.]+)');
  // A tablet of Apple's says it is a computer, but computers of Apple's have no touch screen.
  const isPad = touch > 1 && /Macintosh/.test(agent);
  const os = isPad ? 'iOS' : find(agent, SYSTEMS, '()')[0]!;
  const isTablet = isPad || /iPad|Tablet/.test(agent) || (os === 'Android' && !/Mobile/.test(agent));
  return { browser: browser!, browser_version: version!, os, type: isTablet ? 'tablet' : /Mobi/.test(agent) ? 'mobile' : 'desktop' };
}

function find(agent: string, table: string, rest: string): string[] {
  for (const rule of table.split(';')) {
    const [name, pattern] = rule.split('=');
    const match = RegExp(`(?:${pattern})${rest}`).exec(agent);
    if (match) return [name!, match[1]!];
  }
  return ['', ''];
}
