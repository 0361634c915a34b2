// New recovery codes: copied, kept as a file, or printed.
const place = document.querySelector("#recovery-codes");
const said = place.querySelector("[data-said]");
const codes = () => [...place.querySelectorAll("code")].map((code) => code.textContent).join("\n");

const acts = {
  async copy() {
    try {
      await navigator.clipboard.writeText(codes());
      said.textContent = "Copied.";
    } catch {
      // Without permission (or TLS) they are selected, so that the usual key copies them.
      getSelection().selectAllChildren(place.querySelector("ul"));
      said.textContent = "Press Ctrl+C to copy them.";
    }
  },
  download() {
    const address = URL.createObjectURL(new Blob([`Opencom recovery codes of ${location.host}\nEach works once.\n\n${codes()}\n`], { type: "text/plain" }));
    Object.assign(document.createElement("a"), { href: address, download: "opencom-recovery-codes.txt" }).click();
    URL.revokeObjectURL(address);
    said.textContent = "Downloaded.";
  },
  print: () => print(),
};

place.addEventListener("click", (event) => {
  const button = event.target.closest("[data-codes]");
  if (button) acts[button.dataset.codes]();
});
