// <inbox-list>: the conversations of one view, live; picked by boxes, paged by scrolling, still while somebody reads further down.
import { fragment } from "./api.js";
import { LiveRows } from "./live-elements.js";
import { sayWhy } from "./toast.js";

const AWAY_PX = 40;

export class InboxList extends LiveRows {
  connectedCallback() {
    super.connectedCallback();
    this.news = new Set();
    this.pill = this.closest(".list").querySelector(".list__new");
    this.addEventListener("change", (event) => event.target.matches(".row__pick input") && this.picks());
    this.addEventListener("scroll", () => this.scrollTop < AWAY_PX && this.seen(), { passive: true });
    this.pill.addEventListener("click", () => this.scrollTo({ top: 0 }));
    this.watcher = new IntersectionObserver(([entry]) => entry.isIntersecting && this.more(), { root: this, rootMargin: "400px" });
    this.watcher.observe(this.querySelector(".list__more"));
    this.mark();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.watcher.disconnect();
  }

  get hasMore() {
    return Boolean(this.dataset.next);
  }

  /** The results of a search stay those that were found; each is kept up to date. */
  get isFixed() {
    return this.hasAttribute("data-fixed");
  }

  snapshot(data) {
    if (!this.isFixed) super.snapshot(data);
  }

  resync() {
    if (!this.isFixed) super.resync();
  }

  put(item, options) {
    if (this.isFixed && !this.row(item.key)) return;
    super.put(item, options);
    if (options?.arriving && this.scrollTop > AWAY_PX && this.list.firstElementChild?.dataset.key === item.key) this.news.add(item.key);
  }

  keep(old, row) {
    if (old.querySelector(".row__pick :checked")) row.querySelector(".row__pick input").checked = true;
  }

  changed() {
    this.mark();
    this.picks();
    const count = this.news.size;
    this.pill.hidden = count === 0;
    this.pill.querySelector("span").textContent = `${count} new`;
    this.closest(".list").querySelector(".list__empty").hidden = this.list.childElementCount > 0;
  }

  seen() {
    if (!this.news.size) return;
    this.news.clear();
    this.changed();
  }

  /** Show which conversation is open beside the list: its key, "" for none; without one, the one named last, else the page's. */
  mark(key = this.marked ?? document.querySelector(".conversation")?.dataset.conversation ?? "") {
    this.marked = key;
    for (const row of this.list.children) {
      if (row.dataset.key === key) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  /** Return the row `step` away from the open one; with none open, the first. */
  beside(step) {
    const current = this.list.querySelector('[aria-current="true"]');
    if (!current) return this.list.firstElementChild;
    return step > 0 ? current.nextElementSibling : current.previousElementSibling;
  }

  get picked() {
    return [...this.list.querySelectorAll(".row__pick :checked")].map((box) => box.value);
  }

  pick(key) {
    const box = this.row(key)?.querySelector(".row__pick input");
    if (!box) return;
    box.checked = !box.checked;
    this.picks();
  }

  pickAll(wanted) {
    for (const box of this.list.querySelectorAll(".row__pick input")) box.checked = wanted;
    this.picks();
  }

  picks() {
    this.dispatchEvent(new CustomEvent("picked", { bubbles: true, detail: this.picked.length }));
  }

  async more() {
    const path = this.dataset.next;
    if (!path || this.loading) return;
    this.loading = true;
    try {
      const page = await fragment(path, "rows");
      const list = page.querySelector("[data-items]");
      for (const row of [...list.children]) if (!this.row(row.dataset.key)) this.list.append(row);
      this.dataset.next = list.dataset.next;
      this.mark();
    } catch (error) {
      sayWhy(error);
    } finally {
      this.loading = false;
    }
  }
}

customElements.define("inbox-list", InboxList);
