/**
 * The player: resumes where the viewer left off, and keeps where they are.
 *
 * Time is told by the programme, not by the file: a stand-in clip is shorter than what it stands
 * in for, so it is played as often as it takes, and `base` counts the stretches already played.
 */

import { Outbox, placeOf } from "./outbox.js";

const SAVE_EVERY_MS = 10_000;
const GIVE_UP_AFTER_MS = 6000;
const MOVED_SECONDS = 0.5;
const ROUNDING_SECONDS = 0.01;

/* Playing by itself may be forbidden, overtaken by a pause, or over before it began: all are seen to. */
const EXPECTED = new Set(["NotAllowedError", "AbortError", "NotSupportedError"]);

const video = document.getElementById("video");
const clock = document.getElementById("clock");
const total = document.getElementById("length");
const saved = document.getElementById("saved");
const said = document.getElementById("said");
const local = document.body.dataset.localRegion ?? "";
const viewer = document.querySelector("[data-viewer]")?.dataset.viewer ?? "";

const programme = {
  id: video.dataset.contentId,
  url: video.dataset.saveUrl,
  runtime: Number(video.dataset.runtime) || null,
  updatedAt: Number(video.dataset.updatedAt) || 0,
};

let base = 0;
let standIn = false;
let settled = false;
let keptPosition = 0;
let keptAt = performance.now();
let latestMoment = programme.updatedAt;

const outbox = new Outbox(viewer, programme.id, report);

/* Time */

function timeText(seconds) {
  const whole = Math.max(0, Math.floor(seconds + ROUNDING_SECONDS));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function duration() {
  const file = Number.isFinite(video.duration) ? video.duration : 0;
  return standIn ? (programme.runtime ?? base + file) : file || (programme.runtime ?? 0);
}

function position() {
  const now = base + video.currentTime;
  const end = duration();
  return end ? Math.min(now, end) : now;
}

/** How much of the programme one run of the clip stands for, in whole seconds. */
function stretch() {
  return Math.max(1, Math.floor(video.duration));
}

/** A moment after every one known: a clock that is behind must not make newer look older. */
function moment() {
  latestMoment = Math.max(Date.now(), latestMoment + 1);
  return latestMoment;
}

function showTime() {
  clock.textContent = timeText(position());
  if (duration()) {
    total.textContent = timeText(duration());
  }
}

/* Keeping the position */

function keep() {
  const now = position();
  const end = duration();
  if (!settled || !end || Math.abs(now - keptPosition) < MOVED_SECONDS) {
    return;
  }
  keptPosition = now;
  keptAt = performance.now();
  const round = (seconds) => Math.round(seconds * 10) / 10;
  outbox.push({
    url: programme.url,
    position: Math.min(round(now), round(end)),
    duration: round(end),
    sentAt: moment(),
  });
}

function report(kind, known) {
  const at = timeText(known.entry.position);
  if (kind === "saved" && known.region === local) {
    const inside = Number.isFinite(known.inDynamo) ? ` (DynamoDB ${known.inDynamo} ms)` : "";
    say(`Saved at ${at} · ${placeOf(local)} answered in ${known.milliseconds} ms${inside}`, "good");
  } else if (kind === "saved") {
    const other = placeOf(known.region);
    say(`Saved in ${other}: ${placeOf(local)} is away · ${at}, ${known.milliseconds} ms`, "warn");
  } else if (kind === "pending") {
    say("Not saved yet; kept in this browser", "warn");
  } else {
    say(`This position was not taken (${known.status})`, "warn");
  }
}

/** Says aloud only what changes: a save every ten seconds is no news. */
function say(sentence, tone) {
  if (saved.dataset.tone !== tone) {
    said.textContent = sentence;
  }
  document.querySelector("[data-served-light]")?.classList.toggle("light--warn", tone === "warn");
  document.querySelector(".where [data-served]")?.replaceChildren(sentence);
  saved.dataset.tone = tone;
  saved.textContent = sentence;
}

/* Starting, and the stand-in */

/** What this browser has and no region took is newer, unless a region has something newer still. */
function startingPoint() {
  if (video.dataset.fromStart === "yes") {
    outbox.drop();
    return 0;
  }
  const pending = outbox.pending;
  if (pending && pending.sentAt > programme.updatedAt) {
    latestMoment = pending.sentAt;
    programme.runtime ??= pending.duration;
    outbox.flush();
    return pending.position >= 0.95 * pending.duration ? 0 : pending.position;
  }
  outbox.drop();
  return Number(video.dataset.position) || 0;
}

function play() {
  video.play().catch((reason) => {
    if (!EXPECTED.has(reason.name)) {
      console.warn("Playing did not start:", reason.name);
    }
  });
}

function settle(at) {
  const end = standIn ? programme.runtime : video.duration;
  const start = end && at >= end ? 0 : at;
  base = standIn ? Math.floor(start / stretch()) * stretch() : 0;
  video.currentTime = start - base;
  keptPosition = start;
  settled = true;
  showTime();
}

function load(source, at) {
  settled = false;
  video.addEventListener("loadedmetadata", () => settle(at), { once: true });
  if (source) {
    video.src = source;
  } else if (video.readyState >= HTMLMediaElement.HAVE_METADATA) {
    settle(at);
  }
}

function standInFrom(at) {
  if (standIn) {
    return;
  }
  standIn = true;
  document.getElementById("standin-note").hidden = false;
  load(video.dataset.standin, at);
  play();
}

/** One stretch of the clip is over: the next begins, until the programme itself is over. */
function nextStretch() {
  if (standIn && duration() - base - stretch() > MOVED_SECONDS) {
    base += stretch();
    video.currentTime = 0;
    play();
    return;
  }
  keep();
}

function describe() {
  if (!("mediaSession" in navigator)) {
    return;
  }
  navigator.mediaSession.metadata = new MediaMetadata({
    title: video.dataset.name,
    album: video.dataset.album,
    artwork: [{ src: video.dataset.artwork, type: "image/svg+xml" }],
  });
}

function listen(start) {
  video.addEventListener("timeupdate", () => {
    if (!settled) {
      return;
    }
    showTime();
    if (standIn && !video.paused && position() >= duration()) {
      video.pause();
    } else if (!video.paused && performance.now() - keptAt >= SAVE_EVERY_MS) {
      keep();
    }
  });
  video.addEventListener("play", () => {
    if (settled && standIn && position() >= duration()) {
      settle(0);
    }
  });
  video.addEventListener("pause", keep);
  video.addEventListener("seeked", keep);
  video.addEventListener("ended", nextStretch);
  video.addEventListener("error", () => standInFrom(settled ? position() : start));
  video.addEventListener("playing", describe, { once: true });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") {
      keep();
    }
  });
  addEventListener("pagehide", () => {
    keep();
    outbox.beacon();
  });
}

function begin() {
  const start = startingPoint();
  listen(start);
  if (!video.getAttribute("src") || video.error) {
    standInFrom(start);
    return;
  }
  load("", start);
  setTimeout(() => {
    if (video.readyState < HTMLMediaElement.HAVE_METADATA) {
      standInFrom(start);
    }
  }, GIVE_UP_AFTER_MS);
  play();
}

begin();
