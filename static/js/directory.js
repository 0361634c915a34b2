// The visitors' directory: searched while typing, paged while scrolling.
import { offer } from "./commands.js";
import { show, watch } from "./found-table.js";

const SEARCH_MS = 250;
const field = document.querySelector(".directory input[type=search]");
let timer = 0;

function search() {
  const parameters = new URLSearchParams(location.search);
  const text = field.value.trim();
  if ((parameters.get("q") ?? "") === text) return;
  if (text) parameters.set("q", text);
  else parameters.delete("q");
  parameters.delete("cursor");
  show(parameters);
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, SEARCH_MS);
});

watch();
offer({ id: "search", title: "Search visitors", group: "Visitors", keys: ["/"], run: () => field.select() });
