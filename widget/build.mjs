/**
 * Builds `dist/`: the chunks as ES modules with hashed names, then the loader that names the first of them, then the manifest.
 * Every chunk takes the browser's functions from the loader (see `src/builtins.mjs`) instead of from the page.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { parseSync } from 'rolldown/experimental';
import { GLOBALS, METHODS } from './src/builtins.mjs';

const version = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')).version;
const out = new URL('dist/', import.meta.url).pathname;
const used = new Set();
const METHOD_NAMES = new Set(Object.values(METHODS).flat());
const GLOBAL_NAMES = new Set([...GLOBALS, 'JSON']);

/** Style sheets as strings, without what only people need. */
const css = {
  name: 'css',
  load(id) {
    if (!id.endsWith('.css')) return null;
    const text = readFileSync(id, 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/\s+/g, ' ')
      .replace(/ ?([{};,]) ?/g, '$1')
      .replace(/([{;])([\w-]+): /g, '$1$2:')
      .replace(/;}/g, '}')
      .trim();
    return { code: `export default ${JSON.stringify(text)}`, moduleType: 'js' };
  },
};

/** Notes that the compiler leaves for other compilers. */
const noted = {
  name: 'notes',
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) if (file.type === 'chunk') file.code = file.code.replaceAll('/* @__PURE__ */', '');
  },
};

/** `list.map(f)` becomes `$map(list, f)`, and names like `fetch` become constants, all of them the loader's. */
const pinned = {
  name: 'pinned-builtins',
  renderChunk(code, chunk) {
    const { program, errors } = parseSync(chunk.fileName, code);
    if (errors.length) throw new Error(errors[0].message);
    const edits = [];
    const wanted = new Set();
    walk(program, null, (node, parent) => {
      if (node.type === 'CallExpression' && node.callee.type === 'MemberExpression' && !node.callee.computed) {
        const { object, property } = node.callee;
        const open = code.indexOf('(', property.end) + 1;
        if (/^(apply|call)$/.test(property.name) && METHOD_NAMES.has(object.property?.name) && !object.computed) {
          wanted.add('$' + object.property.name);
          edits.push([object.start, open, `$${object.property.name}(`]);
          if (property.name === 'apply') edits.push([node.arguments[1].start, node.arguments[1].start, '...']);
        } else if (METHOD_NAMES.has(property.name) && object.type !== 'Super') {
          if (node.optional || hasOptional(node.callee)) throw new Error(`an optional call of ${property.name} can't be pinned: ${code.slice(node.start, node.end)}`);
          wanted.add('$' + property.name);
          edits.push([object.start, object.start, `$${property.name}(`]);
          edits.push([object.end, open, node.arguments.length ? ',' : '']);
        }
      } else if (node.type === 'Identifier' && GLOBAL_NAMES.has(node.name) && isReference(node, parent)) wanted.add(node.name);
    });
    if (!wanted.size) return null;
    for (const name of wanted) used.add(name);
    edits.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let text = '';
    let at = 0;
    for (const [from, to, replacement] of edits) {
      text += code.slice(at, from) + replacement;
      at = to;
    }
    text += code.slice(at);
    return `const {${[...wanted].join(',')}}=globalThis[Symbol.for("opencom.widget")];\n${text}`;
  },
};

function hasOptional(node) {
  for (let each = node; each && /^(Member|Call)Expression$/.test(each.type); each = each.object || each.callee) if (each.optional) return true;
  return false;
}

function isReference(node, parent) {
  if (parent.type === 'MemberExpression') return parent.object === node || parent.computed;
  if (/Property|MethodDefinition/.test(parent.type)) return parent.value === node || parent.computed;
  return !/Import|Export|Label|Break|Continue/.test(parent.type);
}

function walk(node, parent, visit) {
  visit(node, parent);
  for (const key in node) {
    const value = node[key];
    if (Array.isArray(value)) for (const each of value) each && typeof each.type === 'string' && walk(each, node, visit);
    else if (value && typeof value.type === 'string') walk(value, node, visit);
  }
}

rmSync(out, { recursive: true, force: true });

const transform = { target: 'es2022', define: { __VERSION__: JSON.stringify(version) } };
const chunks = await rolldown({
  input: { launcher: 'src/launcher/index.ts' },
  cwd: new URL('.', import.meta.url).pathname,
  plugins: [css, pinned, noted],
  transform,
  preserveEntrySignatures: 'allow-extension',
});
const { output } = await chunks.write({
  dir: out,
  format: 'es',
  minify: true,
  entryFileNames: 'a/[name]-[hash].js',
  chunkFileNames: 'a/[name]-[hash].js',
  codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: 'session', test: /\/src\/boot\// }] },
});
await chunks.close();

const entry = output.find((file) => file.isEntry);
const methods = (owner) => JSON.stringify(METHODS[owner].filter((name) => used.has('$' + name)).join(' '));
const loader = await rolldown({
  input: { opencom: 'src/loader.ts' },
  plugins: [noted],
  cwd: new URL('.', import.meta.url).pathname,
  transform: {
    ...transform,
    define: {
      __LAUNCHER__: JSON.stringify(entry.fileName),
      __ARRAY__: methods('Array'),
      __ELEMENT__: methods('Element'),
      __DOCUMENT__: methods('Document'),
      __GLOBALS__: JSON.stringify(GLOBALS.filter((name) => used.has(name) || name === 'setTimeout').join(' ')),
    },
  },
});
const built = await loader.write({ dir: out, format: 'iife', minify: true, entryFileNames: 'opencom.js' });
await loader.close();

const files = [...built.output, ...output].filter((file) => file.type === 'chunk');
const manifest = {
  version,
  entries: Object.fromEntries(files.map((file) => [file === built.output[0] ? 'loader' : file.name, file.fileName])),
  files: Object.fromEntries(
    files.map((file) => [
      file.fileName,
      {
        name: file.name,
        bytes: Buffer.byteLength(file.code),
        gzip: gzipSync(file.code, { level: 9 }).length,
        imports: file.imports,
        dynamicImports: file.dynamicImports,
      },
    ]),
  ),
};
writeFileSync(out + 'manifest.json', JSON.stringify(manifest, null, 2) + '\n');
for (const [name, { gzip }] of Object.entries(manifest.files)) console.log(`${String(gzip).padStart(6)} B gzip  ${name}`);
