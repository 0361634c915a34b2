// When a snoozed conversation comes back: the usual times, in the agent's own zone.

const MORNING = 9;
const EVENING = 18;

function morning(days) {
  const date = new Date();
  date.setDate(date.getDate() + days);
  date.setHours(MORNING, 0, 0, 0);
  return date;
}

/** Later today: this evening while that is at least two hours off, else in three hours. */
function laterToday() {
  const evening = new Date();
  evening.setHours(EVENING, 0, 0, 0);
  const hour = 3_600_000;
  return evening - Date.now() >= 2 * hour ? evening : new Date(Math.ceil((Date.now() + 3 * hour) / (hour / 4)) * (hour / 4));
}

const nextMonday = () => morning((8 - new Date().getDay()) % 7 || 7);

function nextMonth() {
  const date = morning(0);
  const day = date.getDate();
  date.setDate(1);
  date.setMonth(date.getMonth() + 1);
  const last = new Date(date.getFullYear(), date.getMonth() + 1, 0).getDate();
  date.setDate(Math.min(day, last));
  return date;
}

const TIMES = { later: laterToday, tomorrow: () => morning(1), week: nextMonday, month: nextMonth, reply: () => null };

/** Return the Date that one of later, tomorrow, week, month stands for; null for reply, which is no time. */
export const timeOf = (name) => TIMES[name]();
