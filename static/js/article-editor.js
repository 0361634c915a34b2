// An article's editor: saved while writing, previewed as readers will see it, pictures pasted and dropped.
import { call } from "./api.js";
import { written } from "./commands.js";
import { insert, listen, rove, tools } from "./markdown-tools.js";
import { say, sayWhy } from "./toast.js";

const SAVE_MS = 1500;
const PREVIEW_MS = 300;
const MOST_BYTES = 5 * 1024 * 1024;
const editor = document.querySelector(".editor");
const form = editor.querySelector("[data-text]");
const { title, summary, body, base } = form.elements;
const said = editor.querySelector("[data-said]");
const preview = editor.querySelector("[data-preview]");
const address = `/articles/${editor.dataset.article}`;

// Saving: one at a time, each from the version that the one before made.

let kept = JSON.stringify(text());
let saving;
let isStopped = editor.querySelector(".editor__conflict:not([hidden])") !== null;
let timer = 0;

function text() {
  return { title: title.value, summary: summary.value, body: body.value };
}

const isChanged = () => JSON.stringify(text()) !== kept;

async function save(how) {
  await saving;
  if (isStopped || !isChanged() || !title.value.trim()) return;
  const sent = text();
  said.textContent = "Saving…";
  saving = call("PUT", `${address}/text`, { ...sent, base: Number(base.value), saving: how }).then(
    (answer) => {
      base.value = answer.version;
      kept = JSON.stringify(sent);
      said.textContent = isChanged() ? "" : "Saved";
    },
    (error) => {
      said.textContent = error.code === "not_newest" ? "Not saved over theirs" : "Not saved yet";
      if (error.code === "not_newest") stop(error.details);
      else if (error.passing) wait(SAVE_MS * 4);
      else sayWhy(error);
    },
  );
  await saving;
  if (!isStopped && isChanged()) wait();
}

function wait(milliseconds = SAVE_MS) {
  clearTimeout(timer);
  timer = setTimeout(() => save("autosaved"), milliseconds);
}

/** Somebody else has saved a newer version: say so, and save nothing more over it until the writer has seen both. */
function stop({ newest }) {
  isStopped = true;
  const place = editor.querySelector("[data-conflict]");
  place.querySelector("[data-conflict-title]").textContent = `${newest.by || "Somebody"} saved a newer version while you were writing`;
  place.hidden = false;
}

// The server shows the difference and both texts when the form is sent from the version that is no longer the newest.
editor.querySelector("[data-compare]")?.addEventListener("click", () => form.submit());

form.addEventListener("submit", (event) => {
  if (isStopped) return;
  event.preventDefault();
  save("saved");
});
form.addEventListener("input", () => {
  said.textContent = "";
  wait();
  draw();
});
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    form.requestSubmit();
  }
});
addEventListener("beforeunload", (event) => !isStopped && isChanged() && event.preventDefault());
addEventListener("visibilitychange", () => document.hidden && save("autosaved"));
editor.querySelector("[data-publish]")?.addEventListener("submit", async (event) => {
  if (!isChanged() || isStopped) return;
  event.preventDefault();
  clearTimeout(timer);
  await save("saved");
  if (!isStopped && !isChanged()) event.target.submit();
});

// The preview, by the renderer that writes readers' pages.

let drawing = 0;
let asked = 0;

function draw() {
  clearTimeout(drawing);
  drawing = setTimeout(async () => {
    const number = ++asked;
    try {
      const { html } = await call("POST", "/articles/preview", { body: body.value });
      if (number === asked) preview.innerHTML = html;
    } catch (error) {
      if (!error.passing) sayWhy(error);
    }
  }, PREVIEW_MS);
}

// Pictures and files.

async function upload(files) {
  for (const file of files) {
    if (file.size > MOST_BYTES) {
      say(`${file.name} is larger than 5 MB.`);
      continue;
    }
    const form_ = new FormData();
    form_.append("file", file, file.name || "picture.png");
    said.textContent = `Uploading ${file.name}…`;
    try {
      const asset = await call("POST", "/articles/assets", form_);
      const name = asset.name.replace(/\.\w+$/, "").replace(/[[\]\\]/g, " ");
      insert(body, `${asset.width ? "!" : ""}[${name}](${asset.reference})\n`, { start: body.selectionEnd });
    } catch (error) {
      sayWhy(error);
    }
    said.textContent = "";
  }
}

body.addEventListener("paste", (event) => {
  if (!event.clipboardData.files.length) return;
  event.preventDefault();
  upload([...event.clipboardData.files]);
});
body.addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  body.dataset.dropping = "";
});
for (const name of ["dragleave", "drop"]) body.addEventListener(name, () => delete body.dataset.dropping);
body.addEventListener("drop", (event) => {
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  upload([...event.dataTransfer.files]);
});

const bar = editor.querySelector(".editor__bar");
const chooser = bar.querySelector("[data-file]");
bar.hidden = false;
rove(bar);
listen(body);
bar.addEventListener("click", (event) => {
  const tool = event.target.closest("[data-tool]")?.dataset.tool;
  if (tool === "image") chooser.click();
  else if (tool) tools[tool](body);
});
chooser.addEventListener("change", () => upload([...chooser.files]).then(() => (chooser.value = "")));
const key = form.querySelector("[data-mod-s]");
key.textContent = written("mod+s").join(" ");
