// The list of articles: searched while typing, filtered at once, paged while scrolling.
import { offer } from "./commands.js";
import { show, watch } from "./found-table.js";

const SEARCH_MS = 250;
const form = document.querySelector(".directory__tools");
const field = form.querySelector("input[type=search]");
let timer = 0;

function search() {
  const wanted = [...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
  show(new URLSearchParams(wanted));
}

form.querySelector("button").hidden = true;
field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, SEARCH_MS);
});
form.addEventListener("change", (event) => event.target.matches("select") && search());

watch();
offer(
  { id: "search", title: "Search articles", group: "Knowledge", keys: ["/"], run: () => field.select() },
  {
    id: "new-article", title: "New article", group: "Knowledge", keys: ["c"],
    when: () => document.querySelector('form[action$="/new/"]') !== null,
    run: () => document.querySelector('form[action$="/new/"]').requestSubmit(),
  },
);
