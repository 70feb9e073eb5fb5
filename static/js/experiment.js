// Runs an experiment on its page. The form asks for frames: the answer goes on for as long as the
// run does, and each frame is the HTML of the results so far. To stop is to hang up, which ends the
// run on the server. Without this file the same form brings the whole page when all is over.

const FRAMES = "text/vnd.meridian.frames";
const SEPARATOR = "\u001e";

const desk = document.getElementById("desk");
let underWay = null;

const find = (mark) => desk.querySelector(`[data-${mark}]`);

// What is shown and said

function show(html) {
  const results = document.getElementById("results");
  const before = [...results.querySelectorAll(".table-scroll")];
  const scrolled = before.map((each) => each.scrollTop);
  const focused = before.indexOf(document.activeElement);
  results.innerHTML = html;
  results.querySelectorAll(".table-scroll").forEach((each, place) => {
    each.scrollTop = scrolled[place] ?? 0;
    if (place === focused) each.focus({ preventScroll: true });
  });
}

function notice(sentence) {
  const shown = document.createElement("p");
  shown.className = "notice notice--warn";
  shown.textContent = sentence;
  document.getElementById("results").prepend(shown);
}

function announce(sentence) {
  find("announce").textContent = sentence;
}

function headline() {
  return document.querySelector("#results [data-headline]")?.textContent ?? "";
}

function setRunning(running) {
  const run = find("run");
  const stop = find("stop");
  desk.toggleAttribute("data-running", running);
  run.textContent = running ? "Running …" : "Run";
  run.setAttribute("aria-disabled", String(running));
  if (!running && document.activeElement === stop) run.focus();
  stop.hidden = !running;
}

/** On a small screen what comes would be out of sight: the buttons go to its top. */
function showDesk() {
  const below = innerHeight - document.getElementById("results").getBoundingClientRect().top;
  if (below < innerHeight / 3) find("run").scrollIntoView({ block: "start" });
}

// One run

async function run(form) {
  const hangUp = new AbortController();
  underWay = hangUp;
  setRunning(true);
  showDesk();
  announce("The experiment is running.");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: FRAMES },
      body: new FormData(form),
      signal: hangUp.signal,
    });
    await (answer.headers.get("Content-Type")?.startsWith(FRAMES) ? follow(answer) : refuse(answer));
  } catch (error) {
    fail(error, form, hangUp.signal.aborted);
  } finally {
    underWay = null;
    setRunning(false);
  }
}

async function follow(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const frames = (rest + value).split(SEPARATOR);
    rest = frames.pop();
    const newest = frames.findLast((frame) => frame !== "");
    if (newest !== undefined) show(newest);
  }
  if (!document.querySelector("#results [data-ended]")) throw new Error("It broke off.");
  announce(headline());
}

async function refuse(answer) {
  if (answer.status !== 422 && answer.status !== 429) throw new Error(`Status ${answer.status}`);
  desk.innerHTML = await answer.text();
  wake();
  const wrong = desk.querySelector("[aria-invalid=true], [data-invalid] input");
  (wrong ?? document.getElementById("results")).focus();
}

function fail(error, form, stopped) {
  const run = document.querySelector("#results .run");
  run?.setAttribute("data-ended", "");
  if (!stopped) console.info("The run cannot be followed:", error.message);
  const sentence = stopped
    ? "Stopped. What the run had written is being removed."
    : "The site did not go on answering. If the run had begun, it has ended. Try again.";
  log(form, sentence);
  notice(sentence);
  announce(sentence);
}

/** What did not end has no entry of the server's. */
function log(form, sentence) {
  const data = new FormData(form);
  data.delete("csrfmiddlewaretoken");
  const asked = Object.fromEntries([...data.keys()].map((name) => [name, data.getAll(name).join(", ")]));
  const { experiment, loggedAs } = form.dataset;
  const detail = {
    at_ms: Date.now(),
    kind: "experiment",
    what: loggedAs,
    regions: [],
    outcome: [sentence, headline()].join(" ").trim(),
    tone: "warn",
    experiment,
    asked,
  };
  document.body.dispatchEvent(new CustomEvent("lab:did", { detail }));
}

// Sliders and numbers say the same

function onInput(event) {
  const of = event.target.dataset?.sliderOf;
  if (of) document.getElementById(of).value = event.target.value;
  else if (event.target.id) {
    const slider = desk.querySelector(`[data-slider-of="${event.target.id}"]`);
    if (slider) slider.value = event.target.value;
  }
}

function wake() {
  for (const slider of desk.querySelectorAll("[data-slider-of]")) slider.hidden = false;
  find("still").hidden = true;
}

desk.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!underWay) run(event.target);
});
desk.addEventListener("click", (event) => {
  if (event.target.closest("[data-stop]")) underWay?.abort();
});
desk.addEventListener("input", onInput);
wake();
