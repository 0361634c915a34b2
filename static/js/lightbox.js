// A picture opens large over the page.

document.addEventListener("click", (event) => {
  const picture = event.target.closest(".picture");
  if (!picture || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  const dialog = document.getElementById("lightbox");
  const image = dialog.querySelector("img");
  image.src = picture.href;
  image.alt = picture.dataset.name;
  dialog.querySelector("span").textContent = picture.dataset.name;
  dialog.querySelector("a").href = picture.href;
  dialog.showModal();
});

const dialog = document.getElementById("lightbox");
dialog.addEventListener("click", (event) => !event.target.closest("a") && dialog.close());
dialog.addEventListener("close", () => dialog.querySelector("img").removeAttribute("src"));
