// The identity verification page: secrets shown on demand, snippets copied, and asking before something is revoked.
import { call } from "./api.js";
import "./copy-snippet.js";
import "./live-elements.js";
import "./tab-list.js";
import { sayWhy } from "./toast.js";

async function reveal(button) {
  const clear = button.closest("li").querySelector("output");
  const label = button.querySelector("span");
  const opens = clear.hidden;
  if (opens) {
    try {
      const { secret } = await call("POST", `/workspace/identity/secrets/${button.dataset.reveal}/reveal`, {});
      clear.textContent = secret;
    } catch (error) {
      if (error.code === "reauth_required") location.assign(`/settings/confirm/?next=${encodeURIComponent(location.pathname)}`);
      else sayWhy(error);
      return;
    }
  } else clear.textContent = "";
  clear.hidden = !opens;
  button.setAttribute("aria-expanded", String(opens));
  label.textContent = opens ? "Hide" : "Show";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reveal]");
  if (button) void reveal(button);
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});
