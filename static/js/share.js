/** The share menu: copying the link, and handing it to another app, where the browser can. */

function show(menu, selector) {
  const button = menu.querySelector(selector);
  button.hidden = false;
  return button;
}

function prepare(menu) {
  const link = menu.querySelector("input");
  const said = menu.querySelector("[data-share-said]");
  link.addEventListener("focus", () => link.select());
  if (navigator.clipboard) {
    show(menu, "[data-share-copy]").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(link.value);
        said.textContent = "Copied.";
      } catch {
        link.focus();
        said.textContent = "The browser does not allow copying: the link is marked, copy it yourself.";
      }
    });
  }
  if (navigator.share) {
    show(menu, "[data-share-send]").addEventListener("click", async () => {
      try {
        await navigator.share({ title: menu.dataset.shareTitle, url: link.value });
      } catch (reason) {
        said.textContent = reason.name === "AbortError" ? "" : "That did not work: copy the link.";
      }
    });
  }
}

document.querySelectorAll("[data-share]").forEach(prepare);
