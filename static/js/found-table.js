// A table of what was found: shown anew for another address, paged while it is scrolled. Its page offers the next part as a link in [data-more].
import { fragment } from "./api.js";
import { sayWhy } from "./toast.js";

let going;
let watcher;

/** Show what is found at another address of this page; what was asked for before is no longer waited for. */
export async function show(parameters) {
  const path = `${location.pathname}${parameters.size ? `?${parameters}` : ""}`;
  history.replaceState(null, "", path);
  going?.abort();
  going = new AbortController();
  try {
    const fresh = await fragment(path, "found", { signal: going.signal });
    document.getElementById("found").replaceWith(fresh.querySelector("#found"));
    watch();
  } catch (error) {
    sayWhy(error);
  }
}

/** Watch for the end of the table. */
export function watch() {
  watcher?.disconnect();
  const place = document.querySelector("[data-more]");
  if (!place?.firstElementChild) return;
  watcher = new IntersectionObserver(([entry]) => entry.isIntersecting && more(), { rootMargin: "400px" });
  watcher.observe(place);
}

async function more() {
  const place = document.querySelector("[data-more]");
  const link = place.querySelector("a");
  if (!link || place.dataset.loading) return;
  place.dataset.loading = "true";
  try {
    const page = await fragment(link.getAttribute("href"), "found");
    document.querySelector("tbody[data-items]").append(...page.querySelectorAll("tbody > tr"));
    const next = page.querySelector("[data-more] a");
    if (next) link.replaceWith(next);
    else link.remove();
  } catch (error) {
    sayWhy(error);
  } finally {
    delete place.dataset.loading;
  }
  watch();
}
