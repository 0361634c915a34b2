// The help centre's comforts. Every page is whole without them: search as you type, and answering without leaving the page.

const SEARCH_MS = 200;
const form = document.querySelector(".find");
const field = form.querySelector("input[type=search]");
const place = Object.assign(document.createElement("div"), { className: "find__found", hidden: true });
form.append(place);
let timer = 0;
let going;

const parsed = async (response) => new DOMParser().parseFromString(await response.text(), "text/html");

async function search() {
  going?.abort();
  const text = field.value.trim();
  if (text.length < 2) return close();
  going = new AbortController();
  const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
  try {
    const response = await fetch(address, { headers: { "X-Fragment": "found" }, signal: going.signal });
    if (!response.ok) return;
    place.replaceChildren(...(await parsed(response)).body.childNodes);
    place.hidden = false;
  } catch (error) {
    if (error.name !== "AbortError") close();
  }
}

function close() {
  place.hidden = true;
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, SEARCH_MS);
});
form.addEventListener("keydown", (event) => {
  const links = [...place.querySelectorAll("a")];
  if (event.key === "Escape") {
    close();
    field.focus();
  } else if (!place.hidden && links.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    const at = links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    (links[at] ?? field).focus();
  }
});
document.addEventListener("click", (event) => !form.contains(event.target) && close());

const helpful = document.querySelector("[data-feedback]");

/** Put the answer's form, or the thanks for it, in place of what asked. */
async function show(response) {
  const answer = (await parsed(response)).getElementById("answer");
  if (!answer) return;
  helpful.querySelector("p, .answer").replaceWith(answer);
  answer.querySelector("textarea, [role]")?.focus();
}

helpful?.addEventListener("click", async (event) => {
  const link = event.target.closest("a.choice");
  if (!link) return;
  event.preventDefault();
  show(await fetch(link.href, { credentials: "same-origin" }));
});
helpful?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  show(await fetch(event.target.action, { method: "POST", body, credentials: "same-origin" }));
});
