/**
 * Captions: which there are for what is playing, and the words themselves.
 *
 * The words are written into the page rather than by the browser, so that they stand above the
 * controls and look the same everywhere; a telephone's own full screen shows its own.
 */

import { recall, remember } from "./preferences.js";

const OFF = "off";

export class Captions {
  #video;
  #film;
  #place;
  #select;
  #chosen = recall().captions;
  #changed = () => {};

  constructor({ film, place, select, changed }) {
    this.#film = film;
    this.#video = film.video;
    this.#place = place;
    this.#select = select;
    this.#changed = changed;
    for (const { track } of this.#video.querySelectorAll("track")) {
      track.mode = "disabled";
      track.addEventListener("cuechange", () => this.#show());
    }
    film.addEventListener("ready", () => this.#offer());
    select.addEventListener("change", () => this.choose(select.value));
    this.#video.addEventListener("webkitbeginfullscreen", () => this.#hand("showing"));
    this.#video.addEventListener("webkitendfullscreen", () => this.#hand("hidden"));
  }

  get on() {
    return this.#current !== null;
  }

  get available() {
    return this.#tracks.length > 0;
  }

  /** Turns them on, in the language chosen last, or off; says which. */
  toggle() {
    if (!this.available) {
      return "No captions here";
    }
    this.choose(this.on ? OFF : (this.#tracks.at(0)?.srclang ?? OFF));
    return this.on ? `Captions: ${this.#current.label}` : "Captions off";
  }

  choose(language) {
    this.#chosen = language;
    remember({ captions: language });
    this.#apply();
  }

  /** The film's own, or the stand-in's. */
  get #tracks() {
    const kind = this.#film.standIn ? "standin" : "film";
    return [...this.#video.querySelectorAll(`track[data-for="${kind}"]`)];
  }

  get #current() {
    return this.#tracks.find((each) => each.srclang === this.#chosen) ?? null;
  }

  #offer() {
    const option = (label, value) => new Option(label, value);
    const languages = this.#tracks.map((each) => option(each.label, each.srclang));
    this.#select.replaceChildren(option("Off", OFF), ...languages);
    this.#apply();
  }

  #apply() {
    this.#select.value = this.#current?.srclang ?? OFF;
    this.#hand("hidden");
    this.#show();
    this.#changed();
  }

  #hand(mode) {
    for (const each of this.#video.querySelectorAll("track")) {
      each.track.mode = each === this.#current ? mode : "disabled";
    }
  }

  #show() {
    const cues = [...(this.#current?.track.activeCues ?? [])];
    this.#place.replaceChildren(
      ...cues.map((cue) => {
        const line = document.createElement("p");
        line.append(cue.getCueAsHTML());
        return line;
      }),
    );
  }
}
