/**
 * Positions on their way to a region.
 *
 * The newest position of each programme stays in this browser until a region has taken it, so a
 * viewer loses nothing while every region is away. Sending one twice does no harm: positions are
 * absolute, and an older one never replaces a newer one.
 */

const PREFIX = "meridian.position.";
const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 30_000;
const TIMEOUT_MS = 8000;
const KEPT_FOR_MS = 30 * 24 * 60 * 60 * 1000;
const REFUSED = new Set([400, 404, 413, 415, 422]);

/** Where a browser refuses storage, positions are kept for as long as the page is open. */
function openStorage() {
  try {
    const probe = `${PREFIX}probe`;
    localStorage.setItem(probe, "1");
    localStorage.removeItem(probe);
    return localStorage;
  } catch {
    const kept = new Map();
    return {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => kept.set(key, value),
      removeItem: (key) => kept.delete(key),
      get length() {
        return kept.size;
      },
      key: (place) => [...kept.keys()][place] ?? null,
    };
  }
}

const storage = openStorage();

/** The region names this site knows, by the places people know them by. */
export function placeOf(region) {
  const places = new Map(
    (document.body.dataset.places ?? "").split(";").map((pair) => pair.split("=")),
  );
  return places.get(region) ?? region;
}

function token() {
  return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["x-csrftoken"] ?? "";
}

function read(key) {
  try {
    const entry = JSON.parse(storage.getItem(key) ?? "null");
    const whole = Number.isFinite(entry?.position) && Number.isFinite(entry?.sentAt) && entry.url;
    return whole && Date.now() - entry.sentAt < KEPT_FOR_MS ? entry : null;
  } catch {
    return null;
  }
}

function form(entry) {
  const fields = new FormData();
  fields.set("position", String(entry.position));
  fields.set("duration", String(entry.duration));
  fields.set("sent_at", String(entry.sentAt));
  fields.set("csrfmiddlewaretoken", token());
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

/** One programme's positions. `tell` hears `saved`, `pending` and `refused`, with what is known. */
export class Outbox {
  #key;
  #tell;
  #sending = false;
  #delay = FIRST_DELAY_MS;
  #timer = 0;

  constructor(viewer, contentId, tell = () => {}) {
    this.#key = `${PREFIX}${viewer}.${contentId}`;
    this.#tell = tell;
    addEventListener("online", () => this.#now());
  }

  /** The newest position no region has taken yet, or null. */
  get pending() {
    return read(this.#key);
  }

  /** Keeps a newer position, in place of the one before, and sends it. */
  push(entry) {
    storage.setItem(this.#key, JSON.stringify(entry));
    this.flush();
  }

  /** Forgets the position: something newer is known. */
  drop() {
    storage.removeItem(this.#key);
  }

  /** For a page that is going away: sent by the browser itself, acknowledged at the next visit. */
  beacon() {
    const entry = this.pending;
    if (entry) {
      navigator.sendBeacon(entry.url, form(entry));
    }
  }

  async flush() {
    const entry = this.pending;
    if (this.#sending || !entry) {
      return;
    }
    this.#sending = true;
    const outcome = await this.#send(entry);
    this.#sending = false;
    if (outcome === "later") {
      this.#later(entry);
      return;
    }
    this.#delay = FIRST_DELAY_MS;
    if (this.pending?.sentAt === entry.sentAt) {
      this.drop();
    }
    this.flush();
  }

  async #send(entry) {
    const startedAt = performance.now();
    try {
      const response = await fetch(entry.url, {
        method: "POST",
        body: form(entry),
        keepalive: true,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.ok) {
        this.#tell("saved", { entry, ...answerOf(response, startedAt) });
        return "done";
      }
      if (REFUSED.has(response.status)) {
        this.#tell("refused", { entry, status: response.status });
        return "done";
      }
      return "later";
    } catch {
      return "later";
    }
  }

  #later(entry) {
    this.#tell("pending", { entry });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), this.#delay * (0.75 + Math.random() / 2));
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
  }

  #now() {
    clearTimeout(this.#timer);
    this.#delay = FIRST_DELAY_MS;
    this.flush();
  }
}

/** Sends what earlier pages could not; the programme being played looks after its own. */
export function sendAllKept(viewer, exceptFor) {
  const mine = `${PREFIX}${viewer}.`;
  for (let place = 0; place < storage.length; place += 1) {
    const key = storage.key(place);
    const contentId = key?.startsWith(mine) ? key.slice(mine.length) : "";
    if (contentId && contentId !== exceptFor) {
      new Outbox(viewer, contentId).flush();
    }
  }
}
