/** What every page does a little better with a script; each of them works without. */

/* Positions that earlier pages could not send: rare, so what sends them is fetched when there are */

function somethingWaits() {
  try {
    return Object.keys(localStorage).some((key) => key.startsWith("meridian.position."));
  } catch {
    return false;
  }
}

const { viewer } = document.body.dataset;
if (viewer && somethingWaits()) {
  import("./outbox.js").then(({ sendAllKept }) =>
    sendAllKept(viewer, document.getElementById("video")?.dataset.contentId),
  );
}

/* Shelves: arrows for those who have no sideways wheel */

function arrow(label, way) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `shelf__arrow shelf__arrow--${way}`;
  button.setAttribute("aria-label", label);
  return button;
}

function addArrows(shelf) {
  const row = shelf.querySelector(".row");
  const name = shelf.querySelector("h2")?.textContent ?? "";
  const back = arrow(`Back in ${name}`, "back");
  const on = arrow(`On in ${name}`, "on");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const move = (way) =>
    row.scrollBy({ left: way * row.clientWidth * 0.8, behavior: still ? "auto" : "smooth" });
  const update = () => {
    const room = row.scrollWidth - row.clientWidth;
    holder.hidden = room < 8;
    back.disabled = row.scrollLeft < 8;
    on.disabled = row.scrollLeft > room - 8;
  };
  const holder = document.createElement("div");
  holder.className = "shelf__arrows";
  holder.append(back, on);
  back.addEventListener("click", () => move(-1));
  on.addEventListener("click", () => move(1));
  row.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(row);
  shelf.querySelector(".shelf__head").append(holder);
  update();
}

/* Measuring a row makes the browser lay it out, so those further down wait until they are near. */
const near = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (isIntersecting) {
        near.unobserve(target);
        addArrows(target);
      }
    }
  },
  { rootMargin: "25%" },
);
document.querySelectorAll(".shelf").forEach((shelf) => near.observe(shelf));

/* Search: suggestions are fetched where there is a box to type into, which a phone's header lacks */

const search = document.querySelector("[data-search]");
if (search) {
  new IntersectionObserver(([{ isIntersecting }], watcher) => {
    if (isIntersecting) {
      watcher.disconnect();
      import("./search.js");
    }
  }).observe(search);
}

/** A slash goes to the search of the page, as on many sites. */
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable], dialog, video");
  const input = document.querySelector(".search__text, #id_q");
  if (event.key === "/" && !typing && input?.checkVisibility?.()) {
    event.preventDefault();
    input.focus();
  }
});

/* Menus close when something else is wanted */

function closeMenus(except) {
  for (const menu of document.querySelectorAll(".menu[open]")) {
    menu.open = menu === except;
  }
}

document.addEventListener("click", (event) => closeMenus(event.target.closest(".menu")));
document.addEventListener("focusin", (event) => closeMenus(event.target.closest(".menu")));
document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".menu[open]");
  if (event.key === "Escape" && menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

/* Colours: shown at once, kept in a cookie by the site */

const root = document.documentElement;

function showTheme(theme) {
  root.dataset.theme = theme;
  for (const tag of document.querySelectorAll("[data-theme-color]")) {
    const own = tag.dataset.themeColor;
    const fixed = theme === own ? "all" : "not all";
    tag.media = theme === "system" ? `(prefers-color-scheme: ${own})` : fixed;
  }
  for (const button of document.querySelectorAll("[data-theme-form] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

document.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-theme-form] button");
  if (chosen) {
    showTheme(chosen.value);
  }
});

/* Leaving and coming back */

function leavesPage(event) {
  const link = event.target.closest?.("a[href]");
  const plain = !(event.defaultPrevented || event.button || event.metaKey || event.ctrlKey);
  return (
    plain &&
    !event.shiftKey &&
    !event.altKey &&
    link &&
    !link.target &&
    !link.hasAttribute("download") &&
    link.origin === location.origin &&
    link.pathname + link.search !== location.pathname + location.search
  );
}

document.addEventListener("click", (event) => {
  root.toggleAttribute("data-leaving", Boolean(leavesPage(event)));
});

addEventListener("pageshow", (event) => {
  root.removeAttribute("data-leaving");
  if (event.persisted) {
    showTheme(/(?:^|; )theme=(dark|light)(?:;|$)/.exec(document.cookie)?.[1] ?? "system");
  }
});

/** The poster that was pressed grows into the poster of its page. */
let grown = null;
addEventListener("pageswap", (event) => {
  const path = event.activation && new URL(event.activation.entry.url ?? location).pathname;
  const cards = document.querySelectorAll(".card a");
  const pressed = [...cards].find((card) => card.pathname === path && card.matches(":focus, :hover"));
  grown = pressed?.querySelector("img") ?? null;
  if (grown && event.viewTransition) {
    grown.style.viewTransitionName = "poster";
  }
});
addEventListener("pageshow", () => {
  grown?.style.removeProperty("view-transition-name");
});

/* htmx */

/** An answer that names its own place, such as an error's alert, is put there whatever its code. */
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Retarget")) {
    event.detail.shouldSwap = true;
  }
});

function notice(sentence) {
  const text = document.createElement("p");
  text.className = "notice notice--warn";
  text.dataset.fault = "";
  text.textContent = sentence;
  document.getElementById("notice")?.replaceChildren(text);
}

/** Panels that report their own trouble carry `data-own-errors`. */
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    if (!event.target.closest?.("[data-own-errors]")) {
      notice("The site did not answer. What is on the page is the last that was known.");
    }
  });
}

/** A question answered clears the last complaint. */
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) {
    document.querySelectorAll("#notice [data-fault]").forEach((said) => said.remove());
  }
});

/** Addresses without empty fields are shorter to share. */
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.closest?.("[data-prune-empty]")) {
    return;
  }
  const { parameters } = event.detail;
  for (const name of Object.keys(parameters)) {
    if (parameters[name] === "") {
      delete parameters[name];
    }
  }
});

/** Going back brings the results back; the form has to say again what they are of. */
function matchAddress() {
  const asked = new URLSearchParams(location.search);
  for (const form of document.querySelectorAll("[data-prune-empty]")) {
    for (const control of form.elements) {
      const value = asked.get(control.name) ?? "";
      if (control.type === "radio") {
        control.checked = control.value === value;
      } else if (control.name) {
        control.value = value;
      }
    }
  }
}

document.addEventListener("htmx:historyRestore", matchAddress);
addEventListener("pageshow", () => {
  if (!document.activeElement?.closest("[data-prune-empty]")) {
    matchAddress(); // nobody has begun to type while the page was loading
  }
});

/** A key held down, or a double click, is one wish: what is pressed may have become its opposite. */
const opposites = (event) => event.target.closest?.('form[hx-swap="outerHTML"] button');
document.addEventListener("keydown", (event) => {
  if (event.repeat && event.key === "Enter" && opposites(event)) {
    event.preventDefault();
  }
});
document.addEventListener("click", (event) => {
  if (event.detail > 1 && opposites(event)) {
    event.preventDefault();
  }
});

/** Whoever pressed More by keyboard goes on at the first of what came. */
let pressed = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const more = event.detail.target;
  const inside = more.id === "more" && more.contains(document.activeElement);
  pressed = inside ? more.previousElementSibling : null;
});
document.addEventListener("htmx:afterSettle", () => {
  pressed?.nextElementSibling?.querySelector("a")?.focus();
  pressed = null;
});
