// The audit log's page: filtered at once, paged while scrolling, exported with its progress shown.
import { call, download } from "./api.js";
import { show, watch } from "./found-table.js";
import { say, sayWhy } from "./toast.js";

const form = document.querySelector(".audit__filters");

const asked = () => [...new FormData(form)].filter(([, value]) => value);

const filter = () => show(new URLSearchParams(asked()));

form.addEventListener("change", filter);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  filter();
});

/** The filter as the API takes it: days are whole days in UTC. */
function wanted() {
  const body = Object.fromEntries(asked());
  if (body.since) body.since = `${body.since}T00:00:00Z`;
  if (body.until) body.until = new Date(Date.parse(`${body.until}T00:00:00Z`) + 86_400_000).toISOString();
  return body;
}

async function exportLog(button) {
  const label = button.querySelector("span");
  const name = label.textContent;
  const kind = button.dataset.export;
  button.disabled = true;
  try {
    const lines = (piece) => piece.reduce((count, byte) => count + (byte === 10), 0);
    let done = 0;
    await download("/audit/exports", { ...wanted(), format: kind }, `audit-log.${kind}`, (piece, total) => {
      done = Math.min(total, done + lines(piece));
      label.textContent = `${done.toLocaleString()} of ${total.toLocaleString()}`;
    });
  } catch (error) {
    sayWhy(error);
  } finally {
    button.disabled = false;
    label.textContent = name;
  }
}

for (const button of document.querySelectorAll("[data-export]")) button.addEventListener("click", () => exportLog(button));

document.querySelector("[data-retention]")?.addEventListener("change", async ({ target }) => {
  try {
    const { days } = await call("PUT", "/audit/retention", { days: Number(target.value) });
    say(`Entries are kept for ${days} days.`);
  } catch (error) {
    sayWhy(error);
  }
});

watch();
