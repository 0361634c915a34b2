// What people choose for this browser: theme, notifications, sound. Nothing of it leaves the browser.

const KEY = "opencom.choices";
const YEAR = 365 * 24 * 3600;

const read = () => JSON.parse(localStorage.getItem(KEY) ?? "{}");

/** Return one choice: "notifications" and "sound" are true or false, off unless chosen. */
export const chosen = (name) => Boolean(read()[name]);

export function choose(name, value) {
  localStorage.setItem(KEY, JSON.stringify({ ...read(), [name]: value }));
  dispatchEvent(new Event("choices"));
}

/** The theme is a cookie, so that the server writes it and no page flashes: light, dark or system. */
export const theme = () => document.documentElement.dataset.theme || "system";

export function chooseTheme(name) {
  document.documentElement.dataset.theme = name;
  document.cookie = `theme=${name};path=/;max-age=${YEAR};samesite=lax`;
  dispatchEvent(new Event("choices"));
}
