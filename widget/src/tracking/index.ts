import { page } from '../boot/visit';
import { type Engine, happening } from '../engine/index';
import { decode, encode } from '../launcher/json';

/** A tab that was left alone for this long begins another session. */
const PAUSE = 30 * 60_000;

/** What a tab remembers of its session between pages. */
interface Session {
  id: string;
  from: number;
  at: number;
  pages: number;
}

/**
 * Tell by itself what a visitor does by moving about: that a session begins and ends, and the pages and routes in it. Each page says at its
 * own end that the session ends; under the one id that it has, the last one to say so is right.
 */
export function follow(engine: Engine): void {
  const { core, visit } = engine;
  let url = '';
  let session: Session = decode(visit.tab.get('visit'));
  const note = () => visit.tab.set('visit', encode({ ...session, at: Date.now() }));
  const view = () => {
    if (page().url === url) return;
    url = page().url;
    if (!(Date.now() - session?.at < PAUSE)) {
      session = { id: happening('').id, from: Date.now(), at: 0, pages: 0 };
      void engine.track('session_start');
    }
    session.pages++;
    session.at = Date.now();
    note();
    void engine.track('page_view', { title: page().title });
  };
  core.on('page', view);
  core.on('leave', () => {
    note();
    const { id, from, pages } = session;
    core.farewell('/widget/events', { events: [happening('session_end', { pages, seconds: Math.round((Date.now() - from) / 1000) }, id)] });
  });
  view();
}
