// Elements whose content is the answer to a live query, in HTML: <live-rows>, <live-value>. Pages refine them by subclassing.
import { parse } from "./api.js";
import { live } from "./live.js";

/** What both share: data-query and data-params name the query; it runs while the element is in the page. */
export class LiveElement extends HTMLElement {
  connectedCallback() {
    if (!this.dataset.query) return;
    this.subscription = live.subscribe({
      query: this.dataset.query,
      params: JSON.parse(this.dataset.params || "{}"),
      from: this.dataset.version,
      on: {
        snapshot: (data) => this.snapshot(data),
        delta: (items) => this.delta(items),
        resync: () => this.resync(),
        error: (frame) => this.refused(frame),
      },
    });
  }

  disconnectedCallback() {
    this.subscription?.end();
  }

  delta() {}

  resync() {}

  refused() {}
}

/** One object, replaced whole. What had the focus keeps it. */
export class LiveValue extends LiveElement {
  snapshot({ html }) {
    const focused = this.contains(document.activeElement) ? document.activeElement.dataset.command : undefined;
    this.replaceChildren(parse(html));
    if (focused) this.querySelector(`[data-command="${focused}"]`)?.focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("live-value", { bubbles: true }));
  }
}

/** Rows with data-key, data-version and data-sort (descending), inside the element marked data-items. */
export class LiveRows extends LiveElement {
  get list() {
    return this.querySelector("[data-items]");
  }

  row(key) {
    return this.list.querySelector(`:scope > [data-key="${CSS.escape(key)}"]`);
  }

  snapshot({ items, more }) {
    const keys = new Set(items.map((item) => item.key));
    const least = items.at(-1)?.sort;
    for (const row of [...this.list.children]) {
      const further = more && this.sort(row) < least;
      if (!keys.has(row.dataset.key) && !further) row.remove();
    }
    for (const item of items) this.put(item);
    this.changed();
  }

  delta(items) {
    for (const item of items) {
      if (item.removed) this.take(item);
      else this.put(item, { arriving: true });
    }
    this.changed();
  }

  resync() {
    this.list.replaceChildren();
  }

  /** Put one row where it belongs, unless a newer one is there. */
  put(item, { arriving = false } = {}) {
    const old = this.row(item.key);
    if (old && Number(old.dataset.version) >= item.version) return;
    const row = parse(item.html).firstElementChild;
    const next = [...this.list.children].find((other) => other !== old && this.sort(other) < item.sort);
    if (!next && !old && this.hasMore) return;
    if (old) this.keep(old, row);
    else if (arriving) row.classList.add("row--fresh");
    const focused = old?.contains(document.activeElement) && document.activeElement.tagName.toLowerCase();
    if (old && old.nextElementSibling === (next ?? null)) {
      old.replaceWith(row);
    } else {
      old?.remove();
      this.list.insertBefore(row, next ?? null);
    }
    if (focused) row.querySelector(focused)?.focus({ preventScroll: true });
  }

  take({ key, version }) {
    const row = this.row(key);
    if (row && Number(row.dataset.version) <= version) row.remove();
  }

  sort(row) {
    return row.dataset.sort;
  }

  /** Whether there are rows beyond those shown, so that one that belongs further down isn't ours to show. */
  get hasMore() {
    return false;
  }

  /** Carry over from an old row to the new one what only this tab knows. */
  keep() {}

  /** Called after rows came, changed or went. */
  changed() {}
}

customElements.define("live-value", LiveValue);
customElements.define("live-rows", LiveRows);
