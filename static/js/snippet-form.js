// A snippet's form: variables put in where the cursor is, and the text as people would read it.
import { call } from "./api.js";
import { marked } from "./variables.js";

const PAUSE_MS = 300;
const form = document.getElementById("snippet-form");
const field = form.elements.body;
const readings = document.querySelector(".readings");

for (const button of form.querySelectorAll("[data-variable]")) {
  button.addEventListener("click", () => {
    const { variable } = button.dataset;
    const fallback = variable.startsWith("visitor.") ? " | there" : "";
    field.setRangeText(`{{ ${variable}${fallback} }}`, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function write(reading, { name, text } = {}) {
  reading.hidden = text === undefined;
  if (reading.hidden) return;
  if (name) reading.querySelector("h3").textContent = `To ${name}`;
  reading.querySelector("p").replaceChildren(...marked(text));
}

let latest = 0;
async function preview() {
  const body = field.value;
  const number = ++latest;
  readings.hidden = !body.trim();
  if (readings.hidden) return;
  try {
    const { known, unknown } = await call("POST", "/snippets/preview", { body });
    if (number !== latest) return;
    write(readings.querySelector('[data-reading="known"]'), known ?? undefined);
    write(readings.querySelector('[data-reading="unknown"]'), unknown);
    readings.querySelector(".readings__note").hidden = !unknown.unresolved.length;
  } catch {
    // A variable is half written, or nobody can be reached: what was shown stays, and saving says what is wrong.
  }
}

let timer = 0;
form.addEventListener("input", ({ target }) => {
  if (target !== field) return;
  clearTimeout(timer);
  timer = setTimeout(preview, PAUSE_MS);
});
preview();
