import { render } from 'preact';
import { describe, expect, it } from 'vitest';
import { inline, parse, safeAddress } from '../src/conversation/markdown';
import { Markdown } from '../src/conversation/markdown-view';

function html(source: string): string {
  const box = document.createElement('div');
  render(<Markdown source={source} />, box);
  return box.innerHTML.replace(/ (dir|tabindex|target|rel)="[^"]*"/g, '');
}

describe('markdown', () => {
  it.each([
    ['**bold** and __bold__', '<p><strong>bold</strong> and <strong>bold</strong></p>'],
    ['*italic* and _italic_', '<p><em>italic</em> and <em>italic</em></p>'],
    ['~~gone~~', '<p><s>gone</s></p>'],
    ['**bold *and italic* too**', '<p><strong>bold <em>and italic</em> too</strong></p>'],
    ['***both***', '<p><strong><em>both</em></strong></p>'],
    ['`a * b * c`', '<p><code>a * b * c</code></p>'],
    ['one\ntwo', '<p>one<br>two</p>'],
    ['one\n\ntwo', '<p>one</p><p>two</p>'],
    ['```\nlet a = "<b>";\n\nb\n```', '<pre><code>let a = "&lt;b&gt;";\n\nb</code></pre>'],
    ['```js\nunfinished', '<pre><code>unfinished</code></pre>'],
    ['> quoted\n> more', '<blockquote><p>quoted<br>more</p></blockquote>'],
    ['- a\n- b', '<ul><li>a</li><li>b</li></ul>'],
    ['3. c\n4. d', '<ol start="3"><li>c</li><li>d</li></ol>'],
    ['- a\n  - b\n- c', '<ul><li><p>a</p><ul><li>b</li></ul></li><li>c</li></ul>'],
    ['[site](https://a.example/x)', '<p><a href="https://a.example/x">site</a></p>'],
    ['[mail](mailto:a@b.example)', '<p><a href="mailto:a@b.example">mail</a></p>'],
    ['see https://a.example/x_y_z?q=1. Yes', '<p>see <a href="https://a.example/x_y_z?q=1">https://a.example/x_y_z?q=1</a>. Yes</p>'],
    ['(https://a.example/b_(c))', '<p>(<a href="https://a.example/b_(c)">https://a.example/b_(c)</a>)</p>'],
    ['write to ada@example.com, please', '<p>write to <a href="mailto:ada@example.com">ada@example.com</a>, please</p>'],
    ['\\*not italic\\*', '<p>*not italic*</p>'],
  ])('%j is shown as meant', (source, shown) => {
    expect(html(source)).toBe(shown);
  });

  it.each([
    'a * b * c', '2*3*4 = 24'.replace(/\*/g, ' * '), 'snake_case_name', '** not bold **', '**unfinished', '`unfinished', '[no](link', '# no heading', '-no list', '1)no list',
  ])('%j stays as it was written', (source) => {
    const box = document.createElement('div');
    render(<Markdown source={source} />, box);
    expect(box.textContent).toBe(source);
    expect(box.querySelectorAll('strong, em, code, a, li, h1')).toHaveLength(0);
  });

  it.each([
    'javascript:alert(1)', 'JAVASCRIPT:alert(1)', ' javascript:alert(1)', 'java\nscript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', '//evil.example', '/path', 'http://', '\u0001https://a.example', 'blob:https://a.example/1',
  ])('%j is never a link', (address) => {
    expect(safeAddress(address)).toBeUndefined();
    const box = document.createElement('div');
    render(<Markdown source={`[x](${address}) <${address}>`} />, box);
    for (const link of box.querySelectorAll('a')) expect(link.protocol).toMatch(/^(https?|mailto):$/);
  });

  it('never makes markup of what it is given', () => {
    const box = document.createElement('div');
    render(<Markdown source={'<img src=x onerror=alert(1)> <script>x</script> **<b onclick=x>**'} />, box);
    expect(box.querySelectorAll('img, script, b')).toHaveLength(0);
    expect(box.textContent).toContain('<img src=x onerror=alert(1)>');
  });

  it('opens links elsewhere, and tells them nothing', () => {
    const box = document.createElement('div');
    render(<Markdown source="https://a.example" />, box);
    expect(box.querySelector('a')).toMatchObject({ target: '_blank', rel: 'noopener noreferrer nofollow' });
  });

  it.each(['*', '_', '**', '~~', '`', '[', '](', '[a](', '> ', '- ', '*a ', '**a', '_a_', 'a@', 'http://', '\\', '*a**b'])(
    'takes %j ten thousand characters long in its stride',
    (piece) => {
      const source = piece.repeat(10_000 / piece.length);
      const before = performance.now();
      parse(source);
      parse(source.split('').join('\n').slice(0, 10_000));
      expect(performance.now() - before).toBeLessThan(1000);
    },
  );

  it('loses no character of plain text', () => {
    const source = 'Straße 5, ☃ 漢字 «äöü» a<b>c&d "q" \'s\' 100% #1 $5 ^ | {x}';
    expect(inline(source)).toEqual([source]);
  });
});
