/**
 * When a position is kept: every ten seconds while playing, on pause, after a seek, when the page
 * is hidden or left, and at the end. Only where the viewer moved in this tab: one that rests never
 * writes over what another has kept since.
 */

import { nowMs } from "./outbox.js";

const SAVE_EVERY_MS = 10_000;
const AFTER_SEEK_MS = 300;
const MEANT_AFTER_MS = 20_000;
const LONGEST_TICK_MS = 2000;
const MOVED_SECONDS = 0.5;
const SOUGHT_SECONDS = 2;

const tenths = (seconds) => Math.round(seconds * 10) / 10;

export class Keeper {
  #film;
  #outbox;
  #url;
  #latestMs;
  #keptPosition = 0;
  #keptAt = performance.now();
  #seekTimer = 0;
  #held = false;
  #heldPlayedMs = 0;
  #meant = () => {};
  #tickedAt = performance.now();

  constructor(film, outbox, { url, updatedAt }) {
    this.#film = film;
    this.#outbox = outbox;
    this.#url = url;
    this.#latestMs = updatedAt;
    this.#listen();
  }

  /** The moment of the newest position known of, by this tab or told to it. */
  get latestMs() {
    return this.#latestMs;
  }

  know(momentMs) {
    this.#latestMs = Math.max(this.#latestMs, momentMs);
  }

  /** Keeps the position if it moved by so many seconds. */
  keep(moved = MOVED_SECONDS) {
    if (!this.#held && Math.abs(this.#film.position - this.#keptPosition) >= moved) {
      this.#push(this.#film.position);
    }
  }

  /** The programme counts as watched, though its last seconds were not; nothing follows that. */
  finish() {
    this.#push(this.#film.duration);
    this.hold();
  }

  /**
   * Keeps nothing until it is known whether the viewer goes on from here: until `release`, or
   * until they have watched on for so long that they do, which `meant` hears.
   */
  hold(meant = () => {}) {
    this.#held = true;
    this.#heldPlayedMs = 0;
    this.#meant = meant;
  }

  release() {
    this.#held = false;
  }

  /** Where the viewer is now is no news. */
  settleAt(position) {
    this.#keptPosition = position;
  }

  #push(position) {
    const { duration, settled } = this.#film;
    if (!settled || !duration) {
      return;
    }
    this.#keptPosition = position;
    this.#keptAt = performance.now();
    this.#latestMs = Math.max(nowMs(), this.#latestMs + 1);
    this.#outbox.push({
      url: this.#url,
      position: Math.min(tenths(position), tenths(duration)),
      duration: tenths(duration),
      sentAt: this.#latestMs,
    });
  }

  #tick() {
    const now = performance.now();
    const passed = Math.min(now - this.#tickedAt, LONGEST_TICK_MS);
    this.#tickedAt = now;
    if (this.#film.paused) {
      return;
    }
    this.#heldPlayedMs += passed;
    if (this.#held && this.#heldPlayedMs >= MEANT_AFTER_MS) {
      this.release();
      this.#meant();
    }
    if (now - this.#keptAt >= SAVE_EVERY_MS) {
      this.keep();
    }
  }

  #listen() {
    const { video } = this.#film;
    this.#film.addEventListener("time", () => this.#tick());
    this.#film.addEventListener("over", () => this.keep());
    video.addEventListener("pause", () => this.keep());
    video.addEventListener("seeked", () => {
      clearTimeout(this.#seekTimer);
      this.#seekTimer = setTimeout(() => this.keep(SOUGHT_SECONDS), AFTER_SEEK_MS);
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") {
        this.keep();
      }
    });
    addEventListener("pagehide", () => {
      this.keep();
      this.#outbox.beacon();
    });
  }
}
