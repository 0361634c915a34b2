// The tree of collections by keyboard: Alt with an arrow moves the one that has the focus, and the focus stays with it.

const STEPS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "out", ArrowRight: "in" };

document.querySelector("[data-tree]")?.addEventListener("keydown", (event) => {
  const step = event.altKey && STEPS[event.key];
  const button = step && event.target.closest(".tree__row")?.querySelector(`button[value="${step}"]`);
  if (!button) return;
  event.preventDefault();
  button.form.requestSubmit(button);
});

document.querySelector("[data-moved] a")?.focus();
