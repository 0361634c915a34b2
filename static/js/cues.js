// A sound and a notification for a visitor's new message, where this browser's user chose them. One tab of many gives the cue.
import { chosen } from "./choices.js";
import { live } from "./live.js";

const TONES = [[659, 0], [880, 0.11]];

function ring() {
  const context = new AudioContext();
  for (const [frequency, delay] of TONES) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    const start = context.currentTime + delay;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, start);
    volume.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.28);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.3);
  }
  setTimeout(() => context.close(), 1000);
}

function notify({ id, visitor, last_message: last }) {
  const notification = new Notification(visitor.name || visitor.email || visitor.readable_id, {
    body: last.preview, tag: id, icon: document.querySelector("link[rel=icon]").href, silent: true,
  });
  notification.onclick = () => {
    focus();
    location.assign(`/inbox/all/${id}/`);
  };
}

const isBeingRead = ({ id }) => document.hasFocus() && document.querySelector(`.conversation[data-conversation="${id}"]`);

// The server's own times decide what is new; this machine's clock may be wrong.
let newest;

function hear(rows) {
  const heard = newest;
  newest = rows.reduce((latest, row) => (row.last_message?.at > latest ? row.last_message.at : latest), newest ?? "");
  if (heard === undefined) return;
  const news = rows.filter(({ last_message: last }) => last?.author_kind === "visitor" && last.at > heard);
  for (const row of news.filter((each) => !isBeingRead(each))) {
    if (chosen("sound")) ring();
    if (chosen("notifications") && Notification.permission === "granted" && !document.hasFocus()) notify(row);
  }
}

const wanted = () => chosen("sound") || chosen("notifications");
// Browsers give locks to secure pages only; elsewhere each tab cues for itself.
const alone = (job) => (navigator.locks ? navigator.locks.request("opencom.cues", job) : job());
let waiting = false;
let stop;

async function listen() {
  if (!wanted()) stop?.();
  if (!wanted() || waiting) return;
  waiting = true;
  await alone(() => new Promise((done) => {
    newest = undefined;
    const subscription = live.subscribe({
      query: "conversations.listForInbox", params: { status: "open" }, as: "data",
      on: { snapshot: ({ items }) => hear(items), delta: (items) => hear(items.filter((item) => !item.removed)) },
    });
    stop = () => {
      subscription.end();
      stop = undefined;
      done();
    };
    if (!wanted()) stop();
  }));
  waiting = false;
}

addEventListener("choices", listen);
listen();
