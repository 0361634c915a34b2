// The messenger's form: its look shows in the preview at once, before it is saved. Its words follow when they are saved.

const form = document.getElementById("messenger-form");
const preview = document.getElementById("preview");
const PAUSE_MS = 150;

const COLOR = /^#[0-9a-f]{6}$/i;

/** What the widget takes from a page at any time, under its names. Half a colour waits until it is whole. */
function look() {
  const data = new FormData(form);
  const color = (name) => (COLOR.test(data.get(name)) ? data.get(name) : undefined);
  return {
    primary_color: color("primary_color"),
    background_color: color("background_color"),
    theme: data.get("theme"),
    alignment: data.get("launcher_position"),
    horizontal_padding: data.get("launcher_side_spacing"),
    vertical_padding: data.get("launcher_bottom_spacing"),
    hide_default_launcher: !data.has("launcher_show"),
  };
}

const show = () => preview.contentWindow.postMessage({ look: look() }, location.origin);

let timer = 0;
form.addEventListener("input", (event) => {
  const { target } = event;
  if (target.dataset.colorOf) document.getElementById(target.dataset.colorOf).value = target.value;
  else if (COLOR.test(target.value)) form.querySelector(`[data-color-of="${target.id}"]`)?.setAttribute("value", target.value);
  clearTimeout(timer);
  timer = setTimeout(show, PAUSE_MS);
});

addEventListener("message", (event) => {
  if (event.origin === location.origin && event.source === preview.contentWindow && event.data === "ready") show();
});
// The frame may have been ready, and somebody may have typed, before this ran.
show();
