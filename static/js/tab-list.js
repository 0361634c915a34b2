// Tabs that show one panel each (role=tablist with aria-controls): by click, and by arrows as the pattern asks.

function choose(tab, { focus = false } = {}) {
  for (const other of tab.closest("[role=tablist]").querySelectorAll("[role=tab]")) {
    const isChosen = other === tab;
    other.setAttribute("aria-selected", String(isChosen));
    other.tabIndex = isChosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !isChosen;
  }
  if (focus) tab.focus();
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab][aria-controls]");
  if (tab) choose(tab);
});

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role=tab][aria-controls]");
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!tab || !step) return;
  event.preventDefault();
  const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
  choose(tabs.at((tabs.indexOf(tab) + step) % tabs.length), { focus: true });
});
