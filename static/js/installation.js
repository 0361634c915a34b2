// The installation page: the snippet for each platform, copied by a button, and the line that says whether the messenger was seen.
import { fragment } from "./api.js";
import "./copy-snippet.js";
import { live } from "./live.js";
import "./tab-list.js";
import { sayWhy } from "./toast.js";

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
