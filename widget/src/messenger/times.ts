const DAY = 86_400_000;

/** Local midnight of a time; days are compared by it. */
export function dayOf(at: string | number | Date): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

function format(language: string, options: Intl.DateTimeFormatOptions, at: string): string {
  return new Intl.DateTimeFormat(language, options).format(new Date(at));
}

export const clock = (language: string, at: string) => format(language, { hour: 'numeric', minute: '2-digit' }, at);

export const full = (language: string, at: string) => format(language, { dateStyle: 'full', timeStyle: 'short' }, at);

/** A day as a separator says it: a word for today and yesterday, a weekday within the week, then the date. */
export function day(language: string, at: string, today: string, yesterday: string, now = Date.now()): string {
  const days = Math.round((dayOf(now) - dayOf(at)) / DAY);
  if (days <= 0) return today;
  if (days === 1) return yesterday;
  if (days < 7) return format(language, { weekday: 'long' }, at);
  const isThisYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return format(language, { day: 'numeric', month: 'long', year: isThisYear ? undefined : 'numeric' }, at);
}

/** A time as a list shows it: the clock today, then as short as it can be. */
export function brief(language: string, at: string, yesterday: string, now = Date.now()): string {
  const days = Math.round((dayOf(now) - dayOf(at)) / DAY);
  if (days <= 0) return clock(language, at);
  if (days === 1) return yesterday;
  return format(language, days < 7 ? { weekday: 'short' } : { day: 'numeric', month: 'short' }, at);
}

/** A number of bytes in the unit people use for files. */
export function bytes(language: string, size: number): string {
  const [unit, per] = size < 1000 ? ['byte', 1] : size < 1_000_000 ? ['kilobyte', 1000] : ['megabyte', 1_000_000];
  const value = size / (per as number);
  return new Intl.NumberFormat(language, { style: 'unit', unit: unit as string, maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}
