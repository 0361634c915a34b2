/** Fails when a part of the messenger has outgrown its budget. Sizes are gzip, in bytes; a KB has 1,000 of them. */
import { readFileSync } from 'node:fs';

const { entries, files } = JSON.parse(readFileSync(new URL('dist/manifest.json', import.meta.url), 'utf8'));

/** A file and everything it imports before it can run. */
function closure(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const each of files[name].imports) closure(each, found);
  return found;
}

const without = (set, ...others) => new Set([...set].filter((name) => !others.some((other) => other.has(name))));
const first = new Set([entries.loader, ...closure(entries.launcher)]);
const session = without(closure(entries.session), first);
const engine = without(closure(entries.engine), first, session);
const messenger = without(closure(entries.messenger), first, session, engine);
const conversation = without(closure(entries.conversation), first, session, engine, messenger);

const budgets = [
  ['first load: loader and launcher', first, 5000],
  ['the session, when the page is idle', session, 3500],
  ['the engine, when somebody is there', engine, 7500],
  ['messenger with its runtime, when it is opened', messenger, 20000],
  ['a conversation, when there is one', conversation, 8500],
  ['everything', new Set(Object.keys(files)), 45000],
];

let failed = 0;
for (const [what, names, most] of budgets) {
  const size = [...names].reduce((sum, name) => sum + files[name].gzip, 0);
  const isOver = size > most;
  failed += isOver;
  console.log(`${isOver ? 'OVER' : '  ok'}  ${String(size).padStart(6)} of ${String(most).padStart(6)} B  ${what}`);
}
console.log(`${budgets.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
