// Menus: popovers that open beside a button, work by arrows, letters (data-key) and, where they have a field, by a filter.

const GAP = 4;
const EDGE = 8;

/** Open a menu beside what it belongs to (a button; else the middle of the window). */
export function open(menu, anchor) {
  menu.showPopover();
  place(menu, anchor);
  const filter = menu.querySelector(".menu__filter");
  if (filter) {
    filter.value = "";
    narrow(menu, "");
  }
  (filter ?? choices(menu)[0])?.focus();
}

function place(menu, anchor) {
  const { offsetWidth: width, offsetHeight: height } = menu;
  const box = anchor?.getBoundingClientRect();
  if (!box?.width) {
    Object.assign(menu.style, { left: `${(innerWidth - width) / 2}px`, top: `${Math.max(EDGE, innerHeight * 0.2)}px` });
    return;
  }
  const below = box.bottom + GAP + height <= innerHeight - EDGE;
  const fromRight = box.left + width > innerWidth - EDGE;
  const left = fromRight ? box.right - width : box.left;
  Object.assign(menu.style, {
    left: `${Math.max(EDGE, Math.min(left, innerWidth - width - EDGE))}px`,
    top: `${below ? box.bottom + GAP : Math.max(EDGE, box.top - GAP - height)}px`,
  });
}

const choices = (menu) => [...menu.querySelectorAll(".menu__item:not([hidden], [disabled])")];

function narrow(menu, text) {
  const wanted = text.trim().toLowerCase();
  for (const item of menu.querySelectorAll(".menu__item")) {
    item.hidden = Boolean(wanted) && !item.textContent.toLowerCase().includes(wanted);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-menu]");
  if (!button) return;
  const menu = document.getElementById(button.dataset.menu);
  if (menu.matches(":popover-open")) menu.hidePopover();
  else open(menu, button);
});

document.addEventListener("click", (event) => {
  const item = event.target.closest(".menu__item");
  if (item && !item.hasAttribute("data-stay")) item.closest("[popover]").hidePopover();
});

document.addEventListener("input", (event) => {
  if (event.target.matches(".menu__filter")) narrow(event.target.closest("[popover]"), event.target.value);
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu");
  if (!menu) return;
  const items = choices(menu);
  const at = items.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    items.at((at + step + (at < 0 && step < 0 ? 1 : 0) + items.length) % items.length)?.focus();
  } else if (event.key === "Home" || event.key === "End") {
    items.at(event.key === "Home" ? 0 : -1)?.focus();
  } else if (event.key === "Enter" && event.target.matches(".menu__filter")) {
    items[0]?.click();
  } else if (!event.target.matches("input") && !event.metaKey && !event.ctrlKey && !event.altKey) {
    const item = items.find((each) => each.dataset.key === event.key.toLowerCase());
    if (!item) return;
    item.click();
  } else {
    return;
  }
  event.preventDefault();
});
