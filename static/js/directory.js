// The visitors' directory: searched while typing, paged while scrolling.
import { fragment } from "./api.js";
import { offer } from "./commands.js";
import { watch } from "./more.js";
import { sayWhy } from "./toast.js";

const SEARCH_MS = 250;
const field = document.querySelector(".directory input[type=search]");
let timer = 0;
let going;

async function search() {
  const parameters = new URLSearchParams(location.search);
  const text = field.value.trim();
  if ((parameters.get("q") ?? "") === text) return;
  if (text) parameters.set("q", text);
  else parameters.delete("q");
  parameters.delete("cursor");
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

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, SEARCH_MS);
});

watch();
offer({ id: "search", title: "Search visitors", group: "Visitors", keys: ["/"], run: () => field.select() });
