/**
 * Positions on their way to a region.
 *
 * The newest position of each programme stays in this browser until a region has taken it, so a
 * viewer loses nothing while every region is away. Sending one twice does no harm: positions are
 * absolute, and an older one never replaces a newer one.
 *
 * An entry's key names its moment and is never written again: whatever two tabs do at once,
 * neither removes what it has not seen.
 */

import { keysFrom, readJson, storage, writeJson } from "./storage.js";
import { session } from "./session.js";

const WAITING = "meridian.position.";
const TAKEN = "meridian.taken.";
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;
const TIMEOUT_MS = 8000;
const KEPT_FOR_MS = 30 * 24 * 60 * 60 * 1000;
const TAKEN_FOR_MS = 24 * 60 * 60 * 1000;
const CLOCK_SLACK_MS = 2000;
const REFUSED = new Set([400, 404, 413, 415, 422]);

/** How far this clock is ahead of the site's, negative if behind, as far as answers have told. */
let aheadMs = 0;

/** Now, in ms since 1970: by a wrong clock old positions would look new, or new ones old. */
export function nowMs() {
  return Date.now() - aheadMs;
}

function learnTime(response) {
  const theirs = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isFinite(theirs)) {
    const gap = Date.now() - theirs;
    aheadMs = gap < 0 ? gap : Math.max(0, gap - CLOCK_SLACK_MS);
  }
}

/** The region names this site knows, by the places people know them by. */
export function placeOf(region) {
  const places = new Map(
    (document.body.dataset.places ?? "").split(";").map((pair) => pair.split("=")),
  );
  return places.get(region) ?? region;
}

/* Entries */

function whole(entry) {
  return Number.isFinite(entry?.position) && Number.isFinite(entry?.sentAt) ? entry : null;
}

function waitingKey(viewer, contentId, sentAt) {
  return `${WAITING}${viewer}.${contentId}.${sentAt}`;
}

/** `[key, contentId, sentAt]` of everything of a viewer's; what is too old is thrown away. */
function waitingOf(viewer) {
  const prefix = `${WAITING}${viewer}.`;
  const all = keysFrom(prefix).map((key) => {
    const dot = key.lastIndexOf(".");
    return [key, key.slice(prefix.length, dot), Number(key.slice(dot + 1))];
  });
  const [kept, old] = [[], []];
  all.forEach((each) => (Date.now() - each[2] < KEPT_FOR_MS ? kept : old).push(each));
  old.forEach(([key]) => storage.removeItem(key));
  return kept;
}

function newestOf(viewer, contentId) {
  const mine = waitingOf(viewer).filter(([, id]) => id === contentId);
  const newestFirst = mine.sort((one, other) => other[2] - one[2]);
  return newestFirst.map(([key]) => whole(readJson(key))).find(Boolean) ?? null;
}

/** Removes what is no newer than `sentAt`. */
function forget(viewer, contentId, sentAt) {
  waitingOf(viewer)
    .filter(([, id, moment]) => id === contentId && moment <= sentAt)
    .forEach(([key]) => storage.removeItem(key));
}

/** What waited for the anonymous viewers that became this one is this one's. */
export function adoptFormer() {
  const { viewer, formers } = session;
  for (const former of viewer ? formers : []) {
    for (const [key, contentId, sentAt] of waitingOf(former)) {
      if (writeJson(waitingKey(viewer, contentId, sentAt), readJson(key))) {
        storage.removeItem(key);
      }
    }
  }
}

/* Sending */

function form(entry) {
  const fields = new FormData();
  fields.set("position", String(entry.position));
  fields.set("duration", String(entry.duration));
  fields.set("sent_at", String(entry.sentAt));
  fields.set("csrfmiddlewaretoken", session.token);
  return fields;
}

function answerOf(response, startedAt) {
  const timing = response.headers.get("Server-Timing") ?? "";
  return {
    region: response.headers.get("X-Served-Region") ?? "",
    milliseconds: Math.round(performance.now() - startedAt),
    inDynamo: Math.round(Number(/ddb;dur=([\d.]+)/.exec(timing)?.[1] ?? Number.NaN)),
  };
}

function post(entry) {
  return fetch(entry.url, {
    method: "POST",
    body: form(entry),
    keepalive: true,
    redirect: "manual",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

/**
 * One programme's positions.
 *
 * `tell` hears `saved`, `pending`, `refused` and `over` (this session may not save any more), with
 * what is known.
 */
export class Outbox {
  #viewer;
  #contentId;
  #tell;
  #sending = false;
  #renewed = false;
  #over = false;
  #delay = FIRST_DELAY_MS;
  #timer = 0;

  constructor(viewer, contentId, tell = () => {}) {
    this.#viewer = viewer;
    this.#contentId = contentId;
    this.#tell = tell;
    addEventListener("online", () => this.retry());
    addEventListener("pageshow", () => this.retry());
    document.addEventListener("visibilitychange", () => this.retry());
  }

  /** The newest position no region has taken yet, or null. */
  get pending() {
    return newestOf(this.#viewer, this.#contentId);
  }

  /** The newest one a region took from this browser: the region asked next may not have it yet. */
  get taken() {
    const entry = whole(readJson(`${TAKEN}${this.#viewer}.${this.#contentId}`));
    return entry && Date.now() - entry.sentAt < TAKEN_FOR_MS ? entry : null;
  }

  /** Keeps a newer position, in place of those before, and sends it. */
  push(entry) {
    if (!writeJson(waitingKey(this.#viewer, this.#contentId, entry.sentAt), entry)) {
      post(entry).catch(() => this.#tell("pending", { entry }));
      return;
    }
    forget(this.#viewer, this.#contentId, entry.sentAt - 1);
    this.flush();
  }

  /** Forgets what waits: something newer is known. */
  drop() {
    forget(this.#viewer, this.#contentId, Number.MAX_SAFE_INTEGER);
    storage.removeItem(`${TAKEN}${this.#viewer}.${this.#contentId}`);
  }

  /** For a page that is going away: sent by the browser itself, acknowledged at the next visit. */
  beacon() {
    const entry = this.pending;
    if (entry && !this.#over) {
      navigator.sendBeacon(entry.url, form(entry));
    }
  }

  /** Tries again at once, instead of when the wait is over. */
  retry() {
    clearTimeout(this.#timer);
    this.#delay = FIRST_DELAY_MS;
    this.flush();
  }

  async flush() {
    const entry = this.pending;
    if (this.#sending || this.#over || !entry) {
      return;
    }
    this.#sending = true;
    const outcome = await this.#send(entry);
    this.#sending = false;
    if (outcome === "later") {
      this.#later(entry);
    } else if (outcome === "over") {
      this.#over = true;
      this.#tell("over", { entry });
    } else {
      this.#delay = FIRST_DELAY_MS;
      this.flush();
    }
  }

  async #send(entry) {
    const startedAt = performance.now();
    try {
      const response = await post(entry);
      learnTime(response);
      return await this.#settle(entry, response, startedAt);
    } catch {
      return "later";
    }
  }

  async #settle(entry, response, startedAt) {
    if (response.status === 204) {
      this.#renewed = false;
      this.#take(entry, response);
      this.#tell("saved", { entry, ...answerOf(response, startedAt) });
      return "done";
    }
    if (REFUSED.has(response.status)) {
      forget(this.#viewer, this.#contentId, entry.sentAt);
      this.#tell("refused", { entry, status: response.status });
      return "done";
    }
    if (response.status === 403 || response.type === "opaqueredirect") {
      return this.#renew();
    }
    return "later";
  }

  /** The moment that stands is the site's, if this clock is ahead of it. */
  #take(entry, response) {
    const theirs = Date.parse(response.headers.get("Date") ?? "") || entry.sentAt;
    const sentAt = Math.min(entry.sentAt, theirs);
    writeJson(`${TAKEN}${this.#viewer}.${this.#contentId}`, { ...entry, sentAt });
    forget(this.#viewer, this.#contentId, entry.sentAt);
  }

  /** Once, and again only after something was saved: never round and round. */
  async #renew() {
    if (this.#renewed) {
      return "over";
    }
    this.#renewed = true;
    const still = await session.renew(this.#viewer).catch(() => "unknown");
    if (still === "same" || still === "merged") {
      adoptFormer();
      this.#viewer = session.viewer;
      return "done";
    }
    this.#renewed = still === "other";
    return still === "other" ? "over" : "later";
  }

  #later(entry) {
    this.#tell("pending", { entry });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), this.#delay * (0.75 + Math.random() / 2));
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
  }
}

function sweep() {
  for (const key of keysFrom(TAKEN)) {
    if (!(Date.now() - readJson(key)?.sentAt < TAKEN_FOR_MS)) {
      storage.removeItem(key);
    }
  }
}

/** Sends what earlier pages could not; the programme being played looks after its own. */
export function sendAllKept(viewer, exceptFor) {
  adoptFormer();
  sweep();
  const programmes = new Set(waitingOf(viewer).map(([, contentId]) => contentId));
  programmes.delete(exceptFor);
  for (const contentId of programmes) {
    new Outbox(viewer, contentId).flush();
  }
}
