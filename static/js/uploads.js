// Files on their way to a message: uploaded at once, shown as chips, kept as ids until the message takes them.

const MOST = 5;
const MOST_BYTES = 10 * 1024 * 1024;
const csrf = () => document.querySelector('meta[name="csrf-token"]').content;

const size = (bytes) => (bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`);

function post(file, onProgress) {
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.open("POST", "/api/v1/attachments");
    request.setRequestHeader("X-CSRFToken", csrf());
    request.responseType = "json";
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 201) resolve(request.response);
      else reject(new Error(request.response?.error?.message ?? "This file couldn't be uploaded."));
    };
    request.onerror = () => reject(new Error("The connection broke. Remove the file and attach it again."));
    const form = new FormData();
    form.append("file", file);
    request.send(form);
  });
  return { answer, abort: () => request.abort() };
}

/** The files of one composer, shown in `place`. `changed` is called when one came, is ready or went. */
export class Uploads {
  #files = new Map();

  constructor(place, changed) {
    this.place = place;
    this.changed = changed;
  }

  /** The attachments that are ready: {id, name, content_type, size}. */
  get ready() {
    return [...this.#files.values()].map(({ attachment }) => attachment).filter(Boolean);
  }

  get isBusy() {
    return [...this.#files.values()].some(({ attachment, failed }) => !attachment && !failed);
  }

  get hasFailed() {
    return [...this.#files.values()].some(({ failed }) => failed);
  }

  /** Upload files. Returns a sentence about what was left out, if anything was. */
  add(files) {
    const fitting = [...files].filter((file) => file.size <= MOST_BYTES);
    const room = MOST - this.#files.size;
    for (const file of fitting.slice(0, room)) this.#start(file);
    if (fitting.length > room) return `A message carries ${MOST} files at most.`;
    return fitting.length < files.length ? "A file may have 10 MB at most." : "";
  }

  /** Show attachments that were ready before: of a message taken back from the outbox. */
  restore(attachments) {
    for (const attachment of attachments) this.#files.set(this.#chip(attachment.name, attachment.size), { attachment });
    this.changed();
  }

  clear() {
    this.#files.clear();
    this.place.replaceChildren();
    this.changed();
  }

  async #start(file) {
    const chip = this.#chip(file.name, file.size);
    const progress = Object.assign(document.createElement("progress"), { max: 1, value: 0, ariaLabel: `Uploading ${file.name}` });
    chip.lastElementChild.before(progress);
    const upload = post(file, (share) => (progress.value = share));
    const entry = { abort: upload.abort };
    this.#files.set(chip, entry);
    this.changed();
    try {
      entry.attachment = await upload.answer;
    } catch (error) {
      entry.failed = true;
      chip.classList.add("upload--failed");
      chip.querySelector(".upload__size").textContent = error.message;
    }
    progress.remove();
    this.changed();
  }

  #chip(name, bytes) {
    const chip = document.getElementById("upload-chip").content.firstElementChild.cloneNode(true);
    chip.querySelector(".upload__name").textContent = name;
    chip.querySelector(".upload__size").textContent = size(bytes);
    const button = chip.querySelector("button");
    button.setAttribute("aria-label", `Remove ${name}`);
    button.addEventListener("click", () => {
      this.#files.get(chip)?.abort?.();
      this.#files.delete(chip);
      chip.remove();
      this.changed();
      this.place.dispatchEvent(new Event("upload-removed", { bubbles: true }));
    });
    this.place.append(chip);
    return chip;
  }
}
