/** The lab's log: what was done on it, kept for as long as this tab is open.

    Whatever did something says so: an answer of the server by the event `lab:did`, a streamed
    experiment by a JSON script marked `data-lab-log` in its last frame. Every page of the lab loads
    this file; the console lists what it has kept. */

const PLACE = "meridian.lab.log";
const MOST = 1000;
const LISTED = 50;

function kept() {
  try {
    const found = JSON.parse(sessionStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch (error) {
    console.info("No log is kept in this browser:", error.message);
    return [];
  }
}

let entries = kept();

/** Keeps as many of the newest as there is room for. */
function keep() {
  for (let most = MOST; most >= 1; most = Math.floor(most / 2)) {
    entries = entries.slice(0, most);
    try {
      sessionStorage.setItem(PLACE, JSON.stringify(entries));
      return;
    } catch (error) {
      console.info(`There is no room for ${most} entries:`, error.message);
    }
  }
}

function add(entry) {
  const { elt, ...own } = entry;
  const known = entries.slice(0, LISTED).some((each) => JSON.stringify(each) === JSON.stringify(own));
  if (known || typeof own.what !== "string" || !Number.isFinite(own.at_ms)) return;
  entries.unshift(own);
  keep();
  show();
}

// The list on the console

const clock = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZone: "UTC",
});

function line(entry) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const light = document.createElement("span");
  const what = document.createElement("strong");
  const outcome = document.createElement("span");
  time.dateTime = new Date(entry.at_ms).toISOString();
  time.textContent = clock.format(entry.at_ms);
  light.className = `light light--${entry.tone}`;
  what.textContent = entry.what;
  outcome.textContent = entry.outcome;
  item.dataset.kind = entry.kind;
  item.append(time, light, what, outcome);
  return item;
}

function show() {
  const log = document.getElementById("log");
  if (!log) return;
  const count = log.querySelector("[data-log-count]");
  log.querySelector("[data-log-list]").replaceChildren(...entries.slice(0, LISTED).map(line));
  log.querySelector("[data-log-none]").hidden = entries.length > 0;
  count.textContent = entries.length > LISTED ? `The last ${LISTED} of ${entries.length}` : "";
  for (const button of log.querySelectorAll("[data-log-save], [data-log-clear]")) {
    button.disabled = entries.length === 0;
  }
}

function save() {
  const text = JSON.stringify(
    { log: "Meridian region lab", site: document.body.dataset.localRegion, entries },
    null,
    2,
  );
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = "region-lab-log.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function clear() {
  entries = [];
  keep();
  show();
  document.getElementById("log").querySelector("h2").focus();
}

function addScript(script) {
  try {
    add(JSON.parse(script.textContent));
  } catch (error) {
    console.info("What should go into the log cannot be read:", error.message);
  }
}

/** The entries in a part of the page that has just come: the script itself, or what holds it. */
function addScripts(part) {
  if (!(part instanceof Element)) return;
  if (part.matches("script[data-lab-log]")) addScript(part);
  part.querySelectorAll("script[data-lab-log]").forEach(addScript);
}

document.body.addEventListener("lab:did", (event) => add(event.detail));
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) addedNodes.forEach(addScripts);
}).observe(document.getElementById("main"), { childList: true, subtree: true });

const log = document.getElementById("log");
if (log) {
  for (const part of log.querySelectorAll("[data-log-live]")) part.hidden = false;
  for (const part of log.querySelectorAll("[data-log-still]")) part.hidden = true;
  log.querySelector("[data-log-save]").addEventListener("click", save);
  log.querySelector("[data-log-clear]").addEventListener("click", clear);
}
addScripts(document.getElementById("main"));
show();
