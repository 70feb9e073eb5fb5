// What the server cannot know: how long the whole round trip took, how time goes on, which key was
// pressed. Everything else on this page is HTML, and works without this file.

const TICK_MS = 200;
const KEYS = { g: "get", p: "ping", "+": "plus", "=": "plus", "-": "minus", "−": "minus", c: "clear" };
const SWITCH = "lab-keys";

const lab = document.getElementById("lab");
const started = new WeakMap();

function regionOf(element) {
  return element.closest?.("[data-region]")?.dataset.region ?? "";
}

// Round trip

function showTotal(region, elapsed) {
  const place = lab.querySelector(`[data-total-of="${region}"]`);
  if (!place) return;
  place.hidden = false;
  place.querySelector("[data-total]").textContent =
    elapsed < 10 ? `${elapsed.toFixed(1)} ms` : `${Math.round(elapsed).toLocaleString("en-GB")} ms`;
}

function say(region, sentence) {
  const said = document.getElementById(`said-${region}`);
  if (!said) return;
  const light = document.createElement("span");
  light.className = "light light--bad";
  const text = document.createElement("span");
  text.textContent = sentence;
  said.replaceChildren(light, text);
}

document.body.addEventListener("htmx:beforeSend", (event) => {
  started.set(event.detail.xhr, { at: performance.now(), elapsed: 0 });
});

document.body.addEventListener("htmx:beforeOnLoad", (event) => {
  const request = started.get(event.detail.xhr);
  if (request) request.elapsed = performance.now() - request.at;
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  const request = started.get(event.detail.xhr);
  const region = regionOf(event.detail.target);
  const asked = event.detail.requestConfig?.elt?.dataset.action;
  if (request && region && asked && asked !== "clear") showTotal(region, request.elapsed);
});

for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(failure, (event) => {
    const region = regionOf(event.detail.elt);
    if (region) say(region, "This site did not answer. What was asked may have been done or not.");
  });
}

// Time since the last update anywhere, by this machine's own clock

let updatedAt = null;

function readAge() {
  const age = lab.querySelector("#verdict [data-age-ms]")?.dataset.ageMs;
  updatedAt = age === undefined ? null : performance.now() - Number(age);
  tick();
}

function tick() {
  const seconds = updatedAt === null ? null : (performance.now() - updatedAt) / 1000;
  const text =
    seconds === null ? "–" : seconds < 120 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)} min`;
  for (const place of lab.querySelectorAll("[data-since]")) {
    if (place.textContent !== text) place.textContent = text;
  }
}

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "verdict") readAge();
  else if (regionOf(event.detail.target)) tick();
});

setInterval(() => {
  if (!document.hidden) tick();
}, TICK_MS);

// On a phone the panels come one below the other: what is on record waits folded

if (matchMedia("(max-width: 40rem)").matches) {
  for (const more of lab.querySelectorAll(".lab-more")) more.open = false;
}

// Keys

const panels = [...lab.querySelectorAll("[data-key]")];
const keysOn = document.getElementById("keys-on");
let chosen = null;

function choose(target) {
  chosen = target;
  for (const panel of panels) {
    panel.toggleAttribute("data-chosen", target === "all" || target === panel);
  }
}

function press(action) {
  if (chosen === "all") document.getElementById(`all-${action}`)?.click();
  else chosen?.querySelector(`[data-action="${action}"]`)?.click();
}

function typing(target) {
  return target instanceof Element && target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
}

/** The console has a switch for the keys; where there is none, what it was set to holds. */
function keysWanted() {
  return keysOn ? keysOn.checked : recall();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (!keysWanted() || typing(event.target)) return;
  const panel = panels.find((each) => each.dataset.key === event.key);
  if (panel) {
    choose(panel);
    panel.scrollIntoView({ block: "nearest" });
  } else if (event.key === "a") {
    choose("all");
  } else if (event.key in KEYS) {
    press(KEYS[event.key]);
  } else {
    return;
  }
  event.preventDefault();
}

function remember() {
  try {
    localStorage.setItem(SWITCH, keysOn.checked ? "on" : "off");
  } catch (error) {
    console.info("The choice lasts for this page only:", error.message);
  }
}

function recall() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch (error) {
    console.info("No choice is kept in this browser:", error.message);
    return true;
  }
}

if (keysOn) {
  keysOn.checked = recall();
  document.getElementById("lab-keys").hidden = false;
  keysOn.addEventListener("change", () => {
    remember();
    if (!keysOn.checked) choose(null);
  });
}
lab.addEventListener("focusin", (event) => {
  const panel = event.target.closest("[data-key]");
  if (panel && panel !== chosen && keysWanted()) choose(panel);
});
document.addEventListener("keydown", onKey);

choose(panels.find((panel) => panel.dataset.region === document.body.dataset.localRegion) ?? panels[0]);
readAge();
