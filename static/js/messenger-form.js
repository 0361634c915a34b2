// The messenger's form: what is typed shows in the preview at once, before it is saved.

const form = document.getElementById("messenger-form");
const preview = document.getElementById("preview");
const PAUSE_MS = 150;

const COLOR = /^#[0-9a-f]{6}$/i;

/** The form's values as the widget takes its settings. What can't be used yet (half a colour) is left out. */
function messenger() {
  const data = new FormData(form);
  const text = (name) => data.get(name)?.trim() || null;
  const color = (name) => (COLOR.test(data.get(name)) ? data.get(name) : undefined);
  return {
    primary_color: color("primary_color"),
    background_color: color("background_color"),
    theme: data.get("theme"),
    launcher: {
      position: data.get("launcher_position"),
      side_spacing: Number(data.get("launcher_side_spacing")),
      bottom_spacing: Number(data.get("launcher_bottom_spacing")),
      show: data.has("launcher_show"),
      icon_url: text("launcher_icon_url"),
    },
    greeting: data.get("greeting"),
    team_introduction: data.get("team_introduction"),
    expected_reply: text("expected_reply"),
    logo_url: text("logo_url"),
    show_avatars: data.has("show_avatars"),
    languages: data.getAll("languages"),
    default_language: data.get("default_language"),
    privacy_url: text("privacy_url"),
  };
}

const show = () => preview.contentWindow.postMessage({ messenger: messenger() }, location.origin);

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
