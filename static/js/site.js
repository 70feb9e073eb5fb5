/** What every page does a little better with a script; each of them works without. */

import { sendAllKept } from "./outbox.js";

/* Positions that earlier pages could not send */

const viewer = document.querySelector("[data-viewer]")?.dataset.viewer;
if (viewer) {
  sendAllKept(viewer, document.getElementById("video")?.dataset.contentId);
}

/* Shelves: arrows for those who have no sideways wheel */

function arrow(label, sign) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.textContent = sign;
  return button;
}

function addArrows(shelf) {
  const row = shelf.querySelector(".row");
  const name = shelf.querySelector("h2")?.textContent ?? "";
  const back = arrow(`Back in ${name}`, "←");
  const on = arrow(`On in ${name}`, "→");
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

document.querySelectorAll(".shelf").forEach(addArrows);

/* The region panel closes like any menu */

const where = document.querySelector(".where");
document.addEventListener("click", (event) => {
  if (where?.open && !where.contains(event.target)) {
    where.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && where?.open) {
    where.open = false;
    where.querySelector("summary").focus();
  }
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
    document.getElementById("notice")?.replaceChildren();
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
addEventListener("pageshow", matchAddress);

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
