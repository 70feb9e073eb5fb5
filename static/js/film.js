/**
 * What is playing, in programme time.
 *
 * Time is told by the programme, not by the file: a stand-in clip is shorter than what it stands
 * in for, so it is played as often as it takes, and `base` counts the stretches already played.
 *
 * Events: `ready` (its length is known), `time`, `sought`, `over` (the end was reached), `film` and
 * `standin` (which of them it is), and `trouble` with `detail` `again` (the film broke off and is
 * tried again), `broken` (it was tried often enough), `nothing` (not even the stand-in plays) or
 * `none` (it plays again).
 */

const GIVE_UP_AFTER_MS = 6000;
const STALLED_AFTER_MS = 15_000;
const TRY_AGAIN_AFTER_MS = [1000, 4000, 10_000];
const END_SLACK_SECONDS = 0.5;

/* Playing by itself may be forbidden, overtaken by a pause, or over before it began: all are seen to. */
const EXPECTED = new Set(["NotAllowedError", "AbortError", "NotSupportedError"]);

export class Film extends EventTarget {
  video;
  #runtime;
  #base = 0;
  #standIn = false;
  #settled = false;
  #over = false;
  #resumeAt = 0;
  #tries = 0;
  #timer = 0;
  #stall = 0;

  constructor(video) {
    super();
    this.video = video;
    this.#runtime = Number(video.dataset.runtime) || null;
    video.addEventListener("loadedmetadata", () => this.#settle());
    video.addEventListener("timeupdate", () => this.#tick());
    video.addEventListener("play", () => this.#onPlay());
    video.addEventListener("playing", () => this.#onPlaying());
    video.addEventListener("ended", () => this.#nextStretch());
    video.addEventListener("error", () => this.#onError());
    ["waiting", "seeking"].forEach((name) => video.addEventListener(name, () => this.#watch()));
    ["playing", "seeked", "pause"].forEach((name) =>
      video.addEventListener(name, () => clearTimeout(this.#stall)),
    );
  }

  /** Whether the length, and so any position, is known. */
  get settled() {
    return this.#settled;
  }

  get standIn() {
    return this.#standIn;
  }

  get paused() {
    return this.video.paused;
  }

  /** Seconds; 0 while unknown. */
  get duration() {
    const file = Number.isFinite(this.video.duration) ? this.video.duration : 0;
    return this.#standIn ? (this.#runtime ?? this.#base + file) : file || (this.#runtime ?? 0);
  }

  get position() {
    if (!this.#settled) {
      return this.#resumeAt;
    }
    const now = this.#base + this.video.currentTime;
    return this.duration ? Math.min(now, this.duration) : now;
  }

  get atEnd() {
    return this.#settled && this.duration - this.position < END_SLACK_SECONDS;
  }

  /** Up to which second what comes next is here already. */
  get bufferedTo() {
    const { buffered, currentTime } = this.video;
    for (let place = 0; place < buffered.length; place += 1) {
      if (buffered.start(place) <= currentTime + 1 && buffered.end(place) > currentTime) {
        return Math.min(this.#base + buffered.end(place), this.duration);
      }
    }
    return this.position;
  }

  /** A length the catalogue does not have. */
  believe(runtime) {
    this.#runtime ??= runtime;
  }

  start(at) {
    this.#resumeAt = at;
    if (this.video.error || this.video.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) {
      this.#onError();
    } else if (this.video.readyState >= HTMLMediaElement.HAVE_METADATA) {
      this.#settle();
    } else {
      this.#timer = setTimeout(() => this.playStandIn(), GIVE_UP_AFTER_MS);
    }
    this.play();
  }

  play() {
    this.video.play().catch((reason) => {
      if (!EXPECTED.has(reason.name)) {
        console.warn("Playing did not start:", reason.name);
      }
    });
  }

  pause() {
    this.video.pause();
  }

  toggle() {
    if (this.paused) {
      this.play();
    } else {
      this.pause();
    }
  }

  /** Goes to that second, or as near as there is one. */
  seek(seconds) {
    this.#goTo(seconds);
    this.#emit("sought");
  }

  /** The film itself, from where we are: it may be reachable by now. */
  playFilm() {
    this.#tries = 0;
    this.#load(this.video.dataset.film);
  }

  playStandIn() {
    if (!this.#standIn) {
      this.#load(this.video.dataset.standin);
    }
  }

  /** How much of the programme one run of the clip stands for, in whole seconds. */
  get #stretch() {
    return Math.max(1, Math.floor(this.video.duration));
  }

  #goTo(seconds) {
    const at = Math.max(0, this.duration ? Math.min(seconds, this.duration) : seconds);
    this.#over = false;
    if (!this.#settled) {
      this.#resumeAt = at;
      return;
    }
    this.#base = this.#standIn ? Math.floor(at / this.#stretch) * this.#stretch : 0;
    this.video.currentTime = at - this.#base;
    this.#emit("time");
  }

  #isStandIn(source) {
    const address = (path) => new URL(path, location.href).href;
    return address(source) === address(this.video.dataset.standin);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #load(source, playing = true) {
    this.#resumeAt = this.position;
    this.#settled = false;
    clearTimeout(this.#timer);
    this.video.src = source;
    if (!this.#isStandIn(source)) {
      this.#timer = setTimeout(() => this.#onError(), GIVE_UP_AFTER_MS);
    }
    if (playing) {
      this.play();
    }
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#standIn = this.#isStandIn(this.video.currentSrc);
    const end = this.#standIn ? this.#runtime : this.video.duration;
    const start = end && this.#resumeAt >= end ? 0 : this.#resumeAt;
    this.#settled = true;
    this.#goTo(start);
    this.#emit(this.#standIn ? "standin" : "film");
    this.#emit("ready");
  }

  #tick() {
    if (!this.#settled) {
      return;
    }
    if (this.#standIn && !this.paused && this.position >= this.duration) {
      this.pause();
      this.#end();
    }
    this.#emit("time");
  }

  /** Played again from its end, it begins anew. */
  #onPlay() {
    if (this.#standIn && this.#settled && this.position >= this.duration) {
      this.#goTo(0);
    }
  }

  #onPlaying() {
    this.#over = false;
    this.#emit("trouble", "none");
  }

  /** One stretch of the clip is over: the next begins, until the programme itself is over. */
  #nextStretch() {
    if (this.#standIn && this.duration - this.#base - this.#stretch > END_SLACK_SECONDS) {
      this.#base += this.#stretch;
      this.video.currentTime = 0;
      this.play();
    } else {
      this.#end();
    }
  }

  #end() {
    if (!this.#over) {
      this.#over = true;
      this.#emit("over");
    }
  }

  /** A server may go silent without an error. */
  #watch() {
    clearTimeout(this.#stall);
    if (this.#settled && !this.#standIn) {
      this.#stall = setTimeout(() => this.#onError(), STALLED_AFTER_MS);
    }
  }

  /** A film that never came is stood in for; one that breaks off is tried again first. */
  #onError() {
    clearTimeout(this.#timer);
    clearTimeout(this.#stall);
    const tried = this.video.getAttribute("src") ?? this.video.currentSrc;
    if (this.#isStandIn(tried) || !this.video.dataset.film) {
      this.#emit("trouble", "nothing");
    } else if (!this.#settled && this.#tries === 0) {
      this.#load(this.video.dataset.standin);
    } else {
      this.#tryAgain();
    }
  }

  #tryAgain() {
    const delay = TRY_AGAIN_AFTER_MS[this.#tries];
    if (delay === undefined) {
      this.#emit("trouble", "broken");
      return;
    }
    this.#tries += 1;
    this.#emit("trouble", "again");
    this.#resumeAt = this.position;
    this.#settled = false;
    const playing = !this.paused;
    this.#timer = setTimeout(() => this.#load(this.video.dataset.film, playing), delay);
  }
}
