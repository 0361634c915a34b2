// Code that a button copies.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const code = button.closest(".snippet").querySelector("code");
  const label = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(code.textContent);
    label.textContent = "Copied";
  } catch {
    // Without permission (or TLS) the code is selected, so that the usual key copies it.
    getSelection().selectAllChildren(code);
    label.textContent = "Press Ctrl+C";
  }
  setTimeout(() => (label.textContent = "Copy"), 2500);
});
