// Inside the preview's frame: the real messenger, with the settings that the form beside it holds now.

const { workspace, widget } = document.body.dataset;

const script = document.createElement("script");
script.src = widget;
script.dataset.opencomWorkspace = workspace;
script.dataset.opencomName = "Messenger preview";
script.dataset.opencomHideNotifications = "true";
script.onload = () => parent.postMessage("ready", location.origin);
script.onerror = () => document.body.classList.add("is-missing");
document.head.append(script);

addEventListener("message", (event) => {
  if (event.origin !== location.origin || event.source !== parent || !event.data.look) return;
  window.OpencomWidget?.update(event.data.look);
});
