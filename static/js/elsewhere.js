/**
 * The same viewer in another tab, or on another device.
 *
 * One tab of a browser plays a programme at a time. A tab that goes on after a rest first asks
 * where the viewer got to meanwhile, and keeps nothing before they have said where to go on.
 */

import { readJson, storage, writeJson } from "./storage.js";

const PLAYING = "meridian.playing";
const RESTED_MS = 30_000;
const TIMEOUT_MS = 8000;
const FIRST_DELAY_MS = 2000;
const LONGEST_DELAY_MS = 30_000;
const FAR_SECONDS = 15;
const FINISHED_AT = 0.95;

const tab = Math.random().toString(36).slice(2);

export class Elsewhere {
  #film;
  #keeper;
  #outbox;
  #place;
  #offer;
  #asking = false;
  #restedSince = performance.now();
  #overtaken = false;

  /** `offer` is called with a position to choose, or null when there is none any more. */
  constructor({ film, keeper, outbox, place, offer }) {
    this.#film = film;
    this.#keeper = keeper;
    this.#outbox = outbox;
    this.#place = place;
    this.#offer = offer;
    film.video.addEventListener("play", () => this.#onPlay());
    film.video.addEventListener("pause", () => {
      this.#restedSince = performance.now();
    });
    film.addEventListener("sought", () => this.#onSought());
    addEventListener("storage", (event) => this.#onStorage(event));
    addEventListener("pageshow", (event) => {
      if (event.persisted) {
        this.catchUp();
      }
    });
  }

  /** Moves to where the viewer got to since this page was made: nothing was watched here yet. */
  async catchUp() {
    const newest = await this.#ask();
    if (newest && this.#isNews(newest)) {
      this.#keeper.settleAt(newest.position);
      this.#film.seek(newest.position);
    }
  }

  /** Asks until a region answers: this page could not be told where the viewer is. */
  findOut() {
    this.#hold();
    this.#keepAsking(FIRST_DELAY_MS);
  }

  /** The viewer goes on where another tab or device stopped. */
  jump(position) {
    this.#film.seek(position);
    this.#film.play();
  }

  /** The viewer goes on from here. */
  stay() {
    this.#keeper.release();
    this.#keeper.keep();
    this.#offer(null);
  }

  #onPlay() {
    writeJson(PLAYING, { tab, viewer: this.#place.viewer, id: this.#place.id, at: Date.now() });
    if (this.#overtaken || performance.now() - this.#restedSince > RESTED_MS) {
      this.#goOn();
    }
    this.#restedSince = performance.now();
  }

  /** Where no region answers nothing is held back: what is newer wins anyway. */
  async #goOn() {
    this.#overtaken = false;
    this.#hold();
    if (!(await this.#askAndOffer())) {
      this.#keeper.release();
    }
  }

  async #keepAsking(delay) {
    if (!(await this.#askAndOffer())) {
      setTimeout(() => this.#keepAsking(Math.min(2 * delay, LONGEST_DELAY_MS)), delay);
    }
  }

  #hold() {
    this.#keeper.hold(() => this.#offer(null));
  }

  /** Who seeks here, or watches on, goes on from here. */
  #onSought() {
    this.#keeper.release();
    this.#offer(null);
  }

  #onStorage(event) {
    if (event.key !== PLAYING || event.storageArea !== storage) {
      return;
    }
    const other = readJson(PLAYING);
    const same = other?.viewer === this.#place.viewer && other?.id === this.#place.id;
    if (same && other.tab !== tab && this.#film.settled) {
      this.#keeper.keep();
      this.#overtaken = true;
      this.#hold();
      this.#film.pause();
    }
  }

  /** Offers what is newer elsewhere, if anything is. False when no region answered. */
  async #askAndOffer() {
    if (this.#asking) {
      return true;
    }
    this.#asking = true;
    const newest = await this.#ask();
    this.#asking = false;
    if (newest && this.#isNews(newest)) {
      this.#offer(newest.position);
    } else if (newest) {
      this.#keeper.release();
    }
    return newest !== null;
  }

  /** The newest that a region, or another tab, knows of; null when no region answered. */
  async #ask() {
    try {
      const response = await fetch(this.#place.url, {
        headers: { Accept: "application/json" },
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!response.ok) {
        return null;
      }
      const { position, duration, updated_at: sentAt } = await response.json();
      const kept = [{ position, duration, sentAt }, this.#outbox.pending, this.#outbox.taken];
      return kept.filter(Boolean).reduce((one, other) => (other.sentAt > one.sentAt ? other : one));
    } catch {
      return null;
    }
  }

  #isNews({ position, duration, sentAt }) {
    const news = sentAt > this.#keeper.latestMs;
    this.#keeper.know(sentAt);
    const over = duration && position >= FINISHED_AT * duration;
    return news && !over && Math.abs(position - this.#film.position) > FAR_SECONDS;
  }
}
