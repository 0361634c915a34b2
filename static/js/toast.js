// A line at the bottom of the window that says what was done, and offers to undo it.

const SECONDS = 6;

/** Say something. With `undo`, offer to take it back. */
export function say(text, { undo } = {}) {
  const region = document.getElementById("toasts");
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (undo) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Undo" });
    button.addEventListener("click", () => {
      toast.remove();
      undo();
    });
    toast.append(button);
  }
  region.replaceChildren(toast);
  setTimeout(() => toast.remove(), SECONDS * 1000);
}

/** Say why something didn't work. */
export const sayWhy = (error) => {
  if (error.name === "AbortError") return;
  say(error.message);
};
