/** The system's own media keys and its panel: what plays, where it is, and what it can be told. */

const SKIP_SECONDS = 10;

function handle(name, handler) {
  try {
    navigator.mediaSession.setActionHandler(name, handler);
  } catch (error) {
    console.info("This browser has no such media key:", name, error.name);
  }
}

function describe({ name, album, artwork }) {
  navigator.mediaSession.metadata = new MediaMetadata({
    title: name,
    album,
    artwork: [{ src: artwork, type: "image/svg+xml" }],
  });
}

function showPosition(film) {
  const { duration, position, video } = film;
  if (duration && position <= duration && video.playbackRate > 0) {
    navigator.mediaSession.setPositionState({
      duration,
      position,
      playbackRate: video.playbackRate,
    });
  }
}

export function addMediaSession({ film, commands, hasNext }) {
  if (!("mediaSession" in navigator)) {
    return;
  }
  const { video } = film;
  handle("play", () => film.play());
  handle("pause", () => film.pause());
  handle("seekbackward", ({ seekOffset }) => commands.skip(-(seekOffset ?? SKIP_SECONDS)));
  handle("seekforward", ({ seekOffset }) => commands.skip(seekOffset ?? SKIP_SECONDS));
  handle("seekto", ({ seekTime }) => film.seek(seekTime));
  handle("nexttrack", hasNext ? () => commands.next() : null);
  video.addEventListener("playing", () => describe(video.dataset));
  for (const name of ["playing", "pause", "seeked", "ratechange"]) {
    video.addEventListener(name, () => {
      navigator.mediaSession.playbackState = film.paused ? "paused" : "playing";
      showPosition(film);
    });
  }
}
