import { describe, expect, it } from 'vitest';
import { device } from '../src/boot/device';
import { isFinal } from '../src/boot/request';
import { contrast, readableOn } from '../src/engine/contrast';
import { parseColour, textOn } from '../src/launcher/colour';
import { decode, encode } from '../src/launcher/json';
import { brief, bytes, day } from '../src/messenger/times';
import { uuid } from '../src/engine/uuid';

const colours = Array.from({ length: 4096 }, (_, n) => '#' + n.toString(16).padStart(3, '0'));

describe('colour', () => {
  it('of text can be read on every colour a workspace may choose', () => {
    for (const colour of colours) expect(contrast(parseColour(colour)!, parseColour(textOn(colour))!), colour).toBeGreaterThanOrEqual(4.5);
  });

  it('of the workspace, as text, can be read on light and dark surfaces', () => {
    for (const surface of ['#ffffff', '#f3f4f6', '#1f2229', '#262a32']) {
      for (const colour of colours) {
        const shown = readableOn(colour, surface);
        const rgb = parseColour(shown) || (shown.match(/\d+/g)!.map(Number) as [number, number, number]);
        expect(contrast(rgb, parseColour(surface)!), `${colour} on ${surface}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });

  it('that is none is not taken for one', () => {
    for (const text of ['red', '#12', '#12345', 'url(x)', '', undefined, '#ggg']) expect(parseColour(text)).toBeUndefined();
  });
});

describe('json', () => {
  it('is right although the page gave everything a toJSON', () => {
    const owners = [Array.prototype, Object.prototype, String.prototype] as any[];
    for (const owner of owners) owner.toJSON = () => 'broken';
    try {
      expect(encode({ list: [1, 'a', { b: [] }], text: 'x', none: undefined })).toBe('{"list":[1,"a",{"b":[]}],"text":"x"}');
    } finally {
      for (const owner of owners) delete owner.toJSON;
    }
  });

  it('that is none is undefined', () => {
    expect([decode(null), decode(''), decode('{'), decode('<html>')]).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('a device', () => {
  it.each([
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.2849.46', 0, 'Edge', '130.0.2849.46', 'Windows', 'desktop'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0', 0, 'Opera', '115.0.0.0', 'Windows', 'desktop'],
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36', 0, 'Chrome', '130.0.0.0', 'Linux', 'desktop'],
    ['Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36', 0, 'Chrome', '130.0.0.0', 'ChromeOS', 'desktop'],
    ['Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36', 5, 'Chrome', '130.0.0.0', 'Android', 'mobile'],
    ['Mozilla/5.0 (Linux; Android 14; SM-X710) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Safari/537.36', 5, 'Samsung Internet', '26.0', 'Android', 'tablet'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1', 5, 'Safari', '18.0', 'iOS', 'mobile'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0.6723.90 Mobile/15E148 Safari/604.1', 5, 'Chrome', '130.0.6723.90', 'iOS', 'mobile'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15', 5, 'Safari', '18.0', 'iOS', 'tablet'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15', 0, 'Safari', '18.0', 'macOS', 'desktop'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0', 0, 'Firefox', '132.0', 'macOS', 'desktop'],
    ['something/1.0', 0, '', '', '', 'desktop'],
  ])('is told from %s', (agent, touch, browser, version, os, type) => {
    expect(device(agent, touch)).toEqual({ browser, browser_version: version, os, type });
  });
});

describe('times', () => {
  const now = new Date(2026, 10, 25, 12).getTime();
  const ago = (days: number) => new Date(now - days * 86_400_000).toISOString();

  it('are days in words, then weekdays, then dates', () => {
    const say = (days: number) => day('en', ago(days), 'Today', 'Yesterday', now);
    expect([0, 1, 3, 20, 400].map(say)).toEqual(['Today', 'Yesterday', 'Sunday', 'November 5', 'October 21, 2025']);
  });

  it('are short in a list', () => {
    expect([0, 1, 3, 20].map((days) => brief('de', ago(days), 'Gestern', now))).toEqual(['12:00', 'Gestern', 'So', '5. Nov.']);
  });

  it('and sizes are in the unit people use', () => {
    expect([5, 1500, 10 * 1024 * 1024].map((size) => bytes('en', size))).toEqual(['5 byte', '1.5 kB', '10 MB']);
  });
});

it('an id is a version 4 UUID, and no two are the same', () => {
  const made = Array.from({ length: 100 }, uuid);
  for (const each of made) expect(each).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  expect(new Set(made).size).toBe(100);
});

it('an answer settles a matter when it is a refusal that will not change', () => {
  expect([400, 403, 404, 409, 413, 415, 422].every(isFinal)).toBe(true);
  expect([200, 401, 408, 423, 425, 429, 500, 502, 503, 504, 0].some(isFinal)).toBe(false);
});
