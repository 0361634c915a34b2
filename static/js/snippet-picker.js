// Snippets in the composer: a slash and a word offer those that fit, with their variables filled in for this visitor.
import { call } from "./api.js";
import { firstVariable, marked } from "./variables.js";

const PAUSE_MS = 120;
const SLASH = /(?:^|\s)\/([\p{L}\p{N}_-]{0,30})$/u;

const node = (tag, className, ...children) => {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
};

/** Offers snippets beside `field` in `place`; what is written about is `visitor`. `inserted` is called after one was put in. */
export class SnippetPicker {
  #items = [];
  #at = -1;
  #asked = 0;
  #timer = 0;

  constructor(field, place, visitor, inserted) {
    Object.assign(this, { field, place, visitor, inserted });
    this.list = place.querySelector("[role=listbox]");
    field.addEventListener("input", () => this.#look());
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("blur", () => this.close());
    // Choosing by the pointer must not take the focus out of the field.
    place.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const chosen = event.target.closest("[role=option]");
      if (chosen) this.#insert([...this.list.children].indexOf(chosen));
    });
  }

  get isOpen() {
    return !this.place.hidden;
  }

  /** Offer all of them, as if a slash had been typed. */
  open() {
    const { field } = this;
    field.focus();
    if (this.#slash()) return this.#look();
    const before = field.value.slice(0, field.selectionStart);
    field.setRangeText(/\S$/.test(before) ? " /" : "/", field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.place.hidden = true;
    this.#items = [];
    this.field.removeAttribute("aria-activedescendant");
  }

  #slash() {
    const { value, selectionStart, selectionEnd } = this.field;
    return selectionStart === selectionEnd ? SLASH.exec(value.slice(0, selectionStart)) : null;
  }

  #look() {
    clearTimeout(this.#timer);
    const slash = this.#slash();
    if (!slash) return this.close();
    this.#timer = setTimeout(() => this.#offer(slash[1]), PAUSE_MS);
  }

  async #offer(q) {
    const number = ++this.#asked;
    const answer = await call("GET", `/visitors/${this.visitor}/snippets?q=${encodeURIComponent(q)}`).catch(() => ({ items: [] }));
    if (number !== this.#asked) return;
    if (!answer.items.length && q) return this.close();
    this.#items = answer.items;
    this.list.replaceChildren(...answer.items.map((item, index) => this.#option(item, index)));
    this.place.querySelector("[data-none]").hidden = answer.items.length > 0;
    this.place.hidden = false;
    this.#choose(0);
  }

  #option({ name, shortcut, text }, index) {
    const title = node("span", "picker__name ellipsis", name);
    const body = node("span", "picker__text", ...marked(text.replace(/\s+/g, " ").slice(0, 160)));
    const option = node("div", "picker__item", title, node("code", "picker__key", shortcut && `/${shortcut}`), body);
    Object.assign(option, { id: `snippet-${index}`, role: "option" });
    return option;
  }

  #choose(at) {
    const options = [...this.list.children];
    this.#at = options.length ? (at + options.length) % options.length : -1;
    options.forEach((option, index) => option.setAttribute("aria-selected", String(index === this.#at)));
    options[this.#at]?.scrollIntoView({ block: "nearest" });
    if (options.length) this.field.setAttribute("aria-activedescendant", options[this.#at].id);
  }

  #key(event) {
    if (!this.isOpen || event.metaKey || event.ctrlKey || event.altKey || event.isComposing) return;
    if (event.key === "ArrowDown") this.#choose(this.#at + 1);
    else if (event.key === "ArrowUp") this.#choose(this.#at - 1);
    else if (event.key === "Escape") this.close();
    else if ((event.key === "Enter" || event.key === "Tab") && this.#at >= 0 && !event.shiftKey) this.#insert(this.#at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #insert(at) {
    const { id, text } = this.#items[at];
    const slash = this.#slash();
    const end = this.field.selectionStart;
    const start = slash ? end - slash[1].length - 1 : end;
    this.close();
    this.field.setRangeText(text, start, end, "end");
    const variable = firstVariable(text);
    if (variable) this.field.setSelectionRange(start + variable.start, start + variable.end);
    // Only the order in which they are offered depends on it.
    call("POST", `/snippets/${id}/uses`, undefined, { keepalive: true }).catch(() => {});
    this.inserted();
  }
}
