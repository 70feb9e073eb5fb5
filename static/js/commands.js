/** What a viewer can tell the player to do: by button, by key, by touch, or from the system. */

import { clockText } from "./times.js";
import { remember } from "./preferences.js";

export const RATES = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const VOLUME_STEP = 0.05;

const percent = (volume) => `${Math.round(volume * 100)} %`;

function fullScreen(stage, video) {
  if (document.fullscreenElement) {
    return document.exitFullscreen();
  }
  if (stage.requestFullscreen) {
    return stage.requestFullscreen({ navigationUI: "hide" });
  }
  video.webkitEnterFullscreen?.();
  return Promise.resolve();
}

function pictureInPicture(video) {
  return document.pictureInPictureElement
    ? document.exitPictureInPicture()
    : video.requestPictureInPicture();
}

/** What a browser does not allow just now is said, and no more. */
async function attempt(action, refused, say) {
  try {
    await action();
  } catch (error) {
    console.info(refused, error.name);
    say(refused);
  }
}

/** `say` shows a word or two over the picture and has it read out. */
export function makeCommands({ stage, film, captions, nextUrl, help, say }) {
  const { video } = film;
  const skip = (seconds) => {
    film.seek(film.position + seconds);
    say(`${seconds < 0 ? "−" : "+"}${Math.abs(seconds)} s · ${clockText(film.position)}`);
  };
  const volume = (level) => {
    video.volume = Math.min(1, Math.max(0, Math.round(level * 100) / 100));
    video.muted = video.volume === 0;
    remember({ volume: video.volume || 1, muted: video.muted });
    say(`Volume ${percent(video.volume)}`);
  };
  const rate = (speed) => {
    video.defaultPlaybackRate = speed;
    video.playbackRate = speed;
    remember({ rate: speed });
    say(`Speed ${speed}×`);
  };
  const nextRate = (step) => {
    const place = RATES.indexOf(video.playbackRate) + step;
    rate(RATES[Math.min(RATES.length - 1, Math.max(0, place))] ?? 1);
  };
  return {
    skip,
    volume,
    rate,
    play: () => (film.atEnd ? (film.seek(0), film.play()) : film.toggle()),
    back: () => skip(-10),
    forward: () => skip(10),
    louder: () => volume((video.muted ? 0 : video.volume) + VOLUME_STEP),
    softer: () => volume(video.volume - VOLUME_STEP),
    mute: () => {
      video.muted = !video.muted;
      remember({ muted: video.muted });
      say(video.muted ? "Muted" : `Volume ${percent(video.volume)}`);
    },
    faster: () => nextRate(1),
    slower: () => nextRate(-1),
    share: (tenths) => film.seek((film.duration * tenths) / 10),
    beginning: () => film.seek(0),
    end: () => film.seek(film.duration),
    captions: () => say(captions.toggle()),
    pip: () => attempt(() => pictureInPicture(video), "No picture in picture here", say),
    full: () => attempt(() => fullScreen(stage, video), "No full screen here", say),
    next: () => {
      if (nextUrl) {
        location.assign(nextUrl);
      }
    },
    help: () => help(),
  };
}
