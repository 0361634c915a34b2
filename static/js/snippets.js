// The list of snippets: searched while typing.
import { offer } from "./commands.js";
import { show } from "./found-table.js";

const SEARCH_MS = 250;
const field = document.querySelector(".directory__tools input[type=search]");
let timer = 0;

function search() {
  const parameters = new URLSearchParams(location.search);
  const text = field.value.trim();
  if ((parameters.get("q") ?? "") === text) return;
  if (text) parameters.set("q", text);
  else parameters.delete("q");
  show(parameters);
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, SEARCH_MS);
});

offer({ id: "search", title: "Search snippets", group: "Snippets", keys: ["/"], run: () => field.select() });
