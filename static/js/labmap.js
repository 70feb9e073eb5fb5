/** The lab's map, kept up to date; writes travel along its ways as they are delivered.

    The server draws the whole map anew; of that, only what has changed is put into the page, so that
    an open table stays open and a dot under way goes on. */

const REST_MS = 5000;
const SHORTEST_MS = 350;
const LONGEST_MS = 2500;
const AT_ONCE = 8;
const PER_WAY = 2;
const SVG = "http://www.w3.org/2000/svg";

const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Resolves when it is time for the next look: sooner if something was done on this page. */
function pause(milliseconds) {
  return new Promise((done) => {
    const wake = () => {
      clearTimeout(timer);
      for (const name of ["lab:answered", "lab:switched"]) document.body.removeEventListener(name, wake);
      done();
    };
    const timer = setTimeout(wake, milliseconds);
    for (const name of ["lab:answered", "lab:switched"]) document.body.addEventListener(name, wake);
  });
}

function shown() {
  return new Promise((done) => {
    if (!document.hidden) done();
    else document.addEventListener("visibilitychange", () => done(), { once: true });
  });
}

// Travelling writes

function travel(map, { way, hue, tookMs }, number) {
  const drawing = [...map.querySelectorAll(".map__drawing")].find((each) => each.checkVisibility());
  const arc = drawing?.querySelector(`[id$="-${way}"]`);
  if (!arc || drawing.querySelectorAll(".map__traveller").length >= AT_ONCE) return;
  const seconds = Math.min(Math.max(Number(tookMs), SHORTEST_MS), LONGEST_MS) / 1000;
  const dot = document.createElementNS(SVG, "circle");
  dot.setAttribute("r", "3.5");
  dot.setAttribute("class", "map__traveller");
  dot.dataset.hue = hue;
  const motion = document.createElementNS(SVG, "animateMotion");
  for (const [name, value] of Object.entries({
    path: arc.getAttribute("d"),
    dur: `${seconds}s`,
    begin: "indefinite",
    fill: "freeze",
    calcMode: "spline",
    keyTimes: "0;1",
    keySplines: "0.4 0 0.6 1",
  })) {
    motion.setAttribute(name, value);
  }
  motion.addEventListener("endEvent", () => dot.remove());
  dot.append(motion);
  setTimeout(() => {
    drawing.querySelector("[data-travellers]").append(dot);
    motion.beginElement();
  }, number * 160);
}

function sendTravellers(map, old, fresh) {
  const more = Number(fresh.dataset.delivered) - Number(old.dataset.delivered);
  if (still.matches || document.hidden) return;
  for (let number = 0; number < Math.min(more, PER_WAY); number += 1) travel(map, fresh.dataset, number);
}

// What the server says

/** Puts what has changed into the page; whether anything had. */
function take(map, fresh) {
  let changed = false;
  const before = new Map([...map.querySelectorAll("[data-live]")].map((each) => [each.dataset.live, each]));
  for (const each of fresh.querySelectorAll("[data-live]")) {
    const old = before.get(each.dataset.live);
    if (!old || old.isEqualNode(each)) continue;
    if (each.dataset.delivered) sendTravellers(map, old, each);
    old.replaceWith(each);
    changed = true;
  }
  return changed;
}

async function look(address) {
  const response = await fetch(address, { headers: { "HX-Request": "true" } });
  if (!response.ok) throw new Error(`The map's answer was ${response.status}.`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return page.querySelector("[data-map]");
}

/** Looks once, and says how long to rest; a site that does not answer is asked less often. */
async function update() {
  const map = document.querySelector("[data-map]");
  try {
    const fresh = await look(map.dataset.map);
    const whole = fresh.hasAttribute("data-map-live") !== map.hasAttribute("data-map-live");
    if (whole) map.replaceWith(fresh);
    if (whole || take(map, fresh)) document.body.dispatchEvent(new CustomEvent("lab:moved"));
    return Number(map.dataset.everyMs);
  } catch (error) {
    console.info("The map is as it was:", error.message);
    return REST_MS;
  }
}

async function keepUpToDate() {
  let rest = Number(document.querySelector("[data-map]")?.dataset.everyMs);
  while (document.querySelector("[data-map]")) {
    await pause(rest);
    await shown();
    rest = await update();
  }
}

keepUpToDate();
