import { describe, expect, it } from 'vitest';
import { attributes } from '../src/boot/attributes';
import { isOn, readSettings } from '../src/launcher/settings';

describe('settings', () => {
  it('are one under every spelling', () => {
    const meant = { workspace: 'w', apibase: 'https://a', primarycolor: '#fff', language: 'de', theme: 'dark', userid: '7' };
    for (const source of [
      { workspace_id: 'w', api_base: 'https://a', action_color: '#fff', language_override: 'de', theme_mode: 'dark', user_id: 7 },
      { workspaceId: 'w', apiBase: 'https://a', primaryColor: '#fff', language: 'de', theme: 'dark', userId: '7' },
      { opencomWorkspaceId: 'w', opencomApiBase: ' https://a ', opencomPrimaryColor: '#fff', opencomLanguage: 'de', opencomTheme: 'dark', opencomUserId: '7' },
    ]) {
      expect(readSettings(source)).toEqual(meant);
    }
  });

  it('of a later source win, and attributes add up', () => {
    expect(readSettings({ name: 'a', attributes: { x: 1, y: 1 } }, undefined, { name: 'b', custom_attributes: { y: 2 } })).toEqual({
      name: 'b',
      attributes: { x: 1, y: 2 },
    });
  });

  it('take a person as one object or in single fields', () => {
    expect(readSettings({ user: { email: 'a@b.example', userId: 'u', customAttributes: { plan: 'pro' } } })).toEqual({
      email: 'a@b.example',
      userid: 'u',
      attributes: { plan: 'pro' },
    });
  });

  it('survive nonsense', () => {
    for (const source of [null, undefined, 7, 'text', [], { name: null, email: {}, attributes: 'no', user: 3 }]) expect(() => readSettings(source)).not.toThrow();
  });

  it('read a flag as people write one', () => {
    expect(['', '1', 'true', 'yes', 'ON'].map(isOn)).toEqual([true, true, true, true, true]);
    expect([undefined, '0', 'false', 'No', 'off'].map(isOn)).toEqual([false, false, false, false, false]);
  });
});

describe('attributes', () => {
  it('are scalars, dates and lists of these; anything else is left out', () => {
    const given = { a: 'x', b: 1, c: true, d: null, e: [1, 'x', null], f: { g: 1 }, h: () => 1, i: NaN, j: undefined, k: [{}], l: new Date(0) };
    expect(attributes(given)).toEqual({ a: 'x', b: 1, c: true, d: null, e: [1, 'x', null], l: { date: '1970-01-01T00:00:00.000Z' } });
  });
});
