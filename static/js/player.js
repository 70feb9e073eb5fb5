/** The player: puts its parts together, starts where the viewer left off, and says what happens. */

import { Captions } from "./captions.js";
import { makeCommands } from "./commands.js";
import { addControls } from "./controls.js";
import { Countdown } from "./countdown.js";
import { Elsewhere } from "./elsewhere.js";
import { Film } from "./film.js";
import { addGestures } from "./gestures.js";
import { hideWhenIdle } from "./idle.js";
import { Keeper } from "./keeper.js";
import { addKeys } from "./keys.js";
import { addMediaSession } from "./mediasession.js";
import { Outbox, adoptFormer, placeOf } from "./outbox.js";
import { recall } from "./preferences.js";
import { session } from "./session.js";
import { addTimeline } from "./timeline.js";
import { clockText } from "./times.js";

const FINISHED_AT = 0.95;
const FLASH_MS = 900;
const SAY_AFTER_MS = 400;

const stage = document.getElementById("stage");
const video = document.getElementById("video");
const saved = document.getElementById("saved");
const said = document.getElementById("said");
const clock = document.getElementById("clock");
const help = document.getElementById("keys");
const local = document.body.dataset.localRegion ?? "";
const find = (name) => stage.querySelector(`[data-${name}]`);

const place = {
  id: video.dataset.contentId,
  url: video.dataset.saveUrl,
  viewer: session.viewer,
  updatedAt: Number(video.dataset.updatedAt) || 0,
};

/* Saying */

let flashTimer = 0;
let sayTimer = 0;

/** Read out when no more of it comes: a key held down is one piece of news. */
function announce(sentence) {
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => {
    said.textContent = sentence;
  }, SAY_AFTER_MS);
}

/** A word or two over the picture; with `quietly`, only read out. */
function say(words, quietly = false) {
  announce(words);
  if (quietly) {
    return;
  }
  const flash = find("flash");
  clearTimeout(flashTimer);
  flash.textContent = words;
  flash.hidden = false;
  flashTimer = setTimeout(() => {
    flash.hidden = true;
  }, FLASH_MS);
}

/** About saving. Read out only when its tone changes: a save every ten seconds is no news. */
function report(kind, known) {
  const [sentence, tone] = sentenceFor(kind, known);
  if ((saved.dataset.tone ?? "good") !== tone) {
    announce(sentence);
  }
  document.querySelector("[data-served-light]")?.classList.toggle("light--warn", tone === "warn");
  document.querySelector(".where [data-served]")?.replaceChildren(sentence);
  document.getElementById("reload").hidden = kind !== "over";
  saved.dataset.tone = tone;
  saved.textContent = sentence;
}

function sentenceFor(kind, { entry, region, milliseconds, inDynamo, status }) {
  const at = clockText(entry.position);
  switch (kind) {
    case "saved":
      if (region !== local) {
        const away = `${placeOf(local)} is away`;
        return [`Saved in ${placeOf(region)}: ${away} · ${at}, ${milliseconds} ms`, "warn"];
      }
      return [savedHere(at, milliseconds, inDynamo), "good"];
    case "pending":
      return ["Not saved yet; kept in this browser", "warn"];
    case "over":
      return ["Your session here is over, so positions wait in this browser.", "warn"];
    default:
      return [`This position was not taken (${status})`, "warn"];
  }
}

function savedHere(at, milliseconds, inDynamo) {
  const inside = Number.isFinite(inDynamo) ? ` (DynamoDB ${inDynamo} ms)` : "";
  return `Saved at ${at} · ${placeOf(local)} answered in ${milliseconds} ms${inside}`;
}

/* Where to begin */

/** The newest of what the page was told and what this browser knows; from the start, if over. */
function startingPoint() {
  if (video.dataset.fromStart === "yes") {
    outbox.drop();
    return 0;
  }
  const known = [outbox.pending, outbox.taken].filter((each) => each?.sentAt > place.updatedAt);
  if (known.length === 0) {
    return Number(video.dataset.position) || 0;
  }
  const newest = known.reduce((one, other) => (other.sentAt > one.sentAt ? other : one));
  keeper.know(newest.sentAt);
  film.believe(newest.duration);
  return newest.position >= FINISHED_AT * newest.duration ? 0 : newest.position;
}

/** Coming back, a browser may show the page as it was then: the viewer may be further by now. */
function isOldPage() {
  return performance.getEntriesByType("navigation")[0]?.type === "back_forward";
}

/* Panels over the picture */

function offer(position) {
  const card = find("offer");
  const focused = card.contains(document.activeElement);
  card.hidden = position === null;
  if (position !== null) {
    card.dataset.position = String(position);
    card.querySelector("[data-offer-text]").textContent =
      `You are at ${clockText(position)} elsewhere.`;
    announce(`You are at ${clockText(position)} elsewhere. Jump there, or stay here?`);
  } else if (focused) {
    stage.querySelector('[data-do="play"]').focus();
  }
}

const TROUBLE = {
  again: "The film broke off. Trying again…",
  broken: "The film’s own server does not answer.",
  nothing: "Nothing can be played just now. Check the connection, then try again.",
};

function showTrouble({ detail }) {
  const panel = find("trouble");
  panel.hidden = detail === "none";
  if (detail !== "none") {
    panel.querySelector("[data-trouble-text]").textContent = TROUBLE[detail];
    panel.querySelector("[data-try-again]").hidden = detail === "again";
    panel.querySelector("[data-try-standin]").hidden = detail !== "broken";
    announce(TROUBLE[detail]);
  }
}

/* The parts */

adoptFormer();
const nextUrl = find("next")?.querySelector("a").href ?? "";
const film = new Film(video);
const outbox = new Outbox(place.viewer, place.id, report);
const keeper = new Keeper(film, outbox, place);
const elsewhere = new Elsewhere({ film, keeper, outbox, place, offer });
let showCaptions = () => {};
const captions = new Captions({
  film,
  place: find("captions"),
  select: find("captions-select"),
  changed: () => showCaptions(),
});
const commands = makeCommands({
  stage,
  film,
  captions,
  nextUrl,
  help: () => help.showModal(),
  say,
});
const idle = hideWhenIdle(stage, film);
showCaptions = addControls({ stage, film, commands, captions });
addTimeline({
  film,
  slider: find("seek"),
  tip: find("tip"),
  clock,
  length: document.getElementById("length"),
});
addKeys({ stage, commands, idle });
addGestures({ film, commands, idle });
addMediaSession({ film, commands, hasNext: nextUrl !== "" });

if (nextUrl) {
  new Countdown({
    film,
    card: find("next"),
    go: () => {
      keeper.finish();
      location.assign(nextUrl);
    },
    say,
  });
}

/* What they tell each other */

film.addEventListener("trouble", showTrouble);
for (const kind of ["standin", "film"]) {
  film.addEventListener(kind, () => {
    document.getElementById("standin-note").hidden = kind !== "standin";
  });
}
film.addEventListener("ready", () => keeper.settleAt(film.position));
for (const [name, waiting] of [["waiting", true], ["playing", false], ["canplay", false]]) {
  video.addEventListener(name, () => stage.toggleAttribute("data-waiting", waiting));
}
find("offer").querySelector("[data-jump]").addEventListener("click", (event) => {
  elsewhere.jump(Number(event.target.closest("[data-offer]").dataset.position));
});
find("offer").querySelector("[data-stay]").addEventListener("click", () => elsewhere.stay());
for (const button of document.querySelectorAll("[data-try-again]")) {
  button.addEventListener("click", () => film.playFilm());
}
find("try-standin").addEventListener("click", () => film.playStandIn());

/* Begin */

const { volume, muted, rate } = recall();
video.volume = Math.min(1, Math.max(0, volume));
video.muted = muted;
video.defaultPlaybackRate = rate;
video.playbackRate = rate;

const start = startingPoint();
film.start(start);
outbox.flush();
if (video.dataset.fromStart === "yes") {
  history.replaceState(history.state, "", location.pathname);
} else if (video.dataset.known === "no") {
  elsewhere.findOut();
} else if (isOldPage()) {
  elsewhere.catchUp();
}
