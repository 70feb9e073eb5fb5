/**
 * What comes next: a card at the end of an episode that counts ten seconds and goes on.
 *
 * It counts while the film plays or is over, not while it is paused. Cancel, Escape, or seeking
 * back stop it; with autoplay off it only offers.
 */

import { recall } from "./preferences.js";

const COUNT_SECONDS = 10;
const TICK_MS = 250;

export class Countdown {
  #film;
  #card;
  #go;
  #say;
  #leftMs = COUNT_SECONDS * 1000;
  #shown = false;
  #cancelled = false;
  #tickedAt = 0;

  /** `go` leaves for the next episode. */
  constructor({ film, card, go, say }) {
    this.#film = film;
    this.#card = card;
    this.#go = go;
    this.#say = say;
    card.querySelector("[data-next-now]").addEventListener("click", (event) => this.#onNow(event));
    card.querySelector("[data-next-cancel]").addEventListener("click", () => this.cancel());
    film.addEventListener("time", () => this.#onTime());
    film.addEventListener("over", () => this.#show());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#shown && !document.querySelector("dialog[open]")) {
        this.cancel();
      }
    });
    setInterval(() => this.#tick(), TICK_MS);
  }

  cancel() {
    const focused = this.#card.contains(document.activeElement);
    this.#cancelled = true;
    this.#hide();
    this.#say("Stays here at the end");
    if (focused) {
      document.querySelector('[data-do="play"]').focus();
    }
  }

  get #inLastStretch() {
    const { settled, duration, position, video } = this.#film;
    const left = (duration - position) / (video.playbackRate || 1);
    return settled && duration > 2 * COUNT_SECONDS && left <= COUNT_SECONDS;
  }

  #onTime() {
    if (!this.#inLastStretch) {
      this.#cancelled = false;
      this.#hide();
    } else if (!this.#film.paused) {
      this.#show();
    }
  }

  #show() {
    if (this.#shown || this.#cancelled) {
      return;
    }
    this.#shown = true;
    this.#leftMs = COUNT_SECONDS * 1000;
    this.#tickedAt = performance.now();
    this.#card.hidden = false;
    this.#card.toggleAttribute("data-counting", recall().autoplay);
    this.#draw();
    const name = this.#card.querySelector("[data-next-name]").textContent;
    this.#say(recall().autoplay ? `Next in ${COUNT_SECONDS} seconds: ${name}` : `Next: ${name}`, true);
  }

  #hide() {
    this.#shown = false;
    this.#card.hidden = true;
  }

  #tick() {
    const now = performance.now();
    const passed = now - this.#tickedAt;
    this.#tickedAt = now;
    const counting = this.#shown && recall().autoplay;
    if (!counting || (this.#film.paused && !this.#film.atEnd)) {
      return;
    }
    this.#leftMs = Math.max(0, this.#leftMs - passed);
    this.#draw();
    if (this.#leftMs === 0) {
      this.#hide();
      this.#cancelled = true;
      this.#go();
    }
  }

  #draw() {
    const left = this.#leftMs / (COUNT_SECONDS * 1000);
    this.#card.querySelector("[data-next-left]").textContent = String(Math.ceil(this.#leftMs / 1000));
    this.#card.style.setProperty("--left", String(left));
  }

  /** By an ordinary click only: a new tab is the viewer's own affair. */
  #onNow(event) {
    if (!(event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0)) {
      event.preventDefault();
      this.#go();
    }
  }
}
