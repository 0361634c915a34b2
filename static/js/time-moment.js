// <time-moment data-style="relative|time|day|full|until"><time datetime="…">: a time in the reader's own zone and words.
// <time-moment data-zone="Europe/Vienna">: what time it is there.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const locale = document.documentElement.lang || undefined;
const format = (options) => new Intl.DateTimeFormat(locale, options);

const clock = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = format({ weekday: "short" });
const longWeekday = format({ weekday: "long" });
const dayAndMonth = format({ day: "numeric", month: "short" });
const longDay = format({ weekday: "long", day: "numeric", month: "long" });
const withYear = format({ day: "numeric", month: "short", year: "numeric" });
const absolute = format({ weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" });

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** How many days before today a date lies, in the reader's zone; negative for what is to come. */
export const daysAgo = (date) => Math.round((midnight(new Date()) - midnight(date)) / DAY);

const inYear = (date) => (date.getFullYear() === new Date().getFullYear() ? dayAndMonth : withYear).format(date);

function relative(date) {
  const past = Date.now() - date.getTime();
  if (past < MINUTE) return "now";
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min`;
  if (past < DAY && daysAgo(date) === 0) return clock.format(date);
  if (daysAgo(date) === 1) return "Yesterday";
  return daysAgo(date) < 7 ? weekday.format(date) : inYear(date);
}

/** Write the day of a date: Today, Yesterday, a weekday within the week, else the date. */
export function dayOf(date) {
  const days = daysAgo(date);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days > 1 && days < 7) return longWeekday.format(date);
  return date.getFullYear() === new Date().getFullYear() ? longDay.format(date) : withYear.format(date);
}

/** Write a time to come beside the words that say which day it is: 14:00, Mon 09:00, Feb 3 09:00. */
export function toCome(date) {
  const days = -daysAgo(date);
  const at = clock.format(date);
  if (days <= 0) return at;
  return days < 7 ? `${weekday.format(date)} ${at}` : `${inYear(date)} ${at}`;
}

/** Write when something to come will be: 14:00, tomorrow 09:00, Mon 09:00, Feb 3 09:00. */
export const until = (date) => (daysAgo(date) === -1 ? `tomorrow ${clock.format(date)}` : toCome(date));

const full = (date) => (daysAgo(date) === 0 ? clock.format(date) : `${dayOf(date)} ${clock.format(date)}`);

/** Write what time it is in a zone, and which zone; a zone that this browser doesn't know, as it is called. */
function clockIn(timeZone) {
  try {
    const now = format({ hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone }).format(new Date());
    return `${now} (${timeZone.replaceAll("_", " ")})`;
  } catch {
    return timeZone;
  }
}

const STYLES = { relative, until, full, day: dayOf, time: (date) => clock.format(date) };

const shown = new Set();

class TimeMoment extends HTMLElement {
  connectedCallback() {
    this.write();
    shown.add(this);
  }

  disconnectedCallback() {
    shown.delete(this);
  }

  write() {
    const time = this.firstElementChild;
    if (this.dataset.zone) {
      time.textContent = clockIn(this.dataset.zone);
      return;
    }
    const date = new Date(time.dateTime);
    time.textContent = STYLES[this.dataset.style](date);
    time.title = absolute.format(date);
  }
}

customElements.define("time-moment", TimeMoment);
setInterval(() => shown.forEach((moment) => moment.write()), 30_000);
