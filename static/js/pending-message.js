// A message that the log doesn't show yet, drawn from the page's own <template>.

const WORDS = { sending: "Sending…", sent: "Sent", failed: "Not sent.", stopped: "Not sent: something newer came." };

/** Draw one entry of the outbox. */
export function pendingMessage(entry) {
  const node = document.getElementById("pending-message").content.firstElementChild.cloneNode(true);
  node.classList.add(`pending--${entry.state}`, entry.kind === "note" ? "message--note" : "message--team");
  node.dataset.clientId = entry.client_id;
  const bubble = node.querySelector(".bubble");
  bubble.textContent = entry.body;
  bubble.hidden = !entry.body;
  for (const { name } of entry.attachments) {
    node.querySelector(".files").append(Object.assign(document.createElement("span"), { className: "file", textContent: name }));
  }
  const isFailed = entry.state === "failed" || entry.state === "stopped";
  const state = node.querySelector(isFailed ? ".pending__state" : ".delivery");
  state.hidden = false;
  state.querySelector("span").textContent = entry.state === "failed" ? `Not sent. ${entry.why}` : WORDS[entry.state];
  return node;
}
