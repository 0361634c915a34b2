// The installation page: the snippet for each platform, copied by a button, and the line that says whether the messenger was seen.
import { fragment } from "./api.js";
import { live } from "./live.js";
import "./tab-list.js";
import { sayWhy } from "./toast.js";

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

const signal = () => document.getElementById("signal");
// What the page was drawn with; the workspace may have been seen before the first answer came.
let shown = signal().dataset.seen;
live.subscribe({
  query: "workspaces.get", as: "data",
  on: {
    snapshot: async ({ widget_seen_at: seen }) => {
      if ((seen ?? "") === shown) return;
      try {
        const fresh = await fragment(location.pathname, "signal");
        signal().replaceWith(fresh.querySelector("#signal"));
        shown = seen ?? "";
      } catch (error) {
        sayWhy(error);
      }
    },
  },
});
