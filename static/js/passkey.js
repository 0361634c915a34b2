// Forms that a passkey answers: `data-passkey` says whether one is made ("create") or used ("get"), `data-options` where the API says how.
import { call } from "./api.js";

const SAID = {
  NotAllowedError: "That was cancelled, or took too long. Try again.",
  InvalidStateError: "This device has a passkey for your account already.",
  SecurityError: "Passkeys work only at this installation's own address.",
};

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/").padEnd(Math.ceil(text.length / 4) * 4, "=")), (sign) => sign.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const descriptors = (list = []) => list.map((each) => ({ ...each, id: bytes(each.id) }));

async function created(options) {
  const { response, ...credential } = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: descriptors(options.excludeCredentials),
    },
  }).then(parts);
  return {
    ...credential,
    response: {
      clientDataJSON: text(response.clientDataJSON),
      attestationObject: text(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  };
}

async function used(options) {
  const { response, ...credential } = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: descriptors(options.allowCredentials) },
  }).then(parts);
  return {
    ...credential,
    response: {
      clientDataJSON: text(response.clientDataJSON),
      authenticatorData: text(response.authenticatorData),
      signature: text(response.signature),
      userHandle: response.userHandle ? text(response.userHandle) : undefined,
    },
  };
}

const parts = ({ id, rawId, type, response }) => ({ id, rawId: text(rawId), type, response });

async function answer(form) {
  const said = form.querySelector("[data-said]");
  said.hidden = true;
  try {
    if (!window.PublicKeyCredential) throw new Error("This browser knows no passkeys.");
    const { options } = await call("POST", form.dataset.options);
    const credential = await (form.dataset.passkey === "create" ? created : used)(options);
    form.elements.credential.value = JSON.stringify(credential);
    form.submit();
  } catch (error) {
    said.textContent = SAID[error.name] ?? error.message;
    said.hidden = false;
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    // A form without a name is told so by the server, before anybody touches a key.
    const name = form.elements.name;
    if (name instanceof HTMLInputElement && !name.value.trim()) return;
    event.preventDefault();
    answer(form);
  });
}
