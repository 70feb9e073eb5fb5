/** The buttons: each says what it does now, and is there only where it can be done. */

import { RATES } from "./commands.js";
import { recall, remember } from "./preferences.js";

function face(button, icon, label) {
  button.querySelector("use")?.setAttribute("href", `#player-${icon}`);
  if (button.getAttribute("aria-label") !== label) {
    button.setAttribute("aria-label", label);
    button.title = label + (button.dataset.key ? ` (${button.dataset.key})` : "");
  }
}

function playFace(film) {
  if (film.atEnd && film.paused) {
    return ["again", "Play again"];
  }
  return film.paused ? ["play", "Play"] : ["pause", "Pause"];
}

function addVolume(video, slider, commands) {
  slider.addEventListener("input", () => commands.volume(Number(slider.value)));
  return () => {
    const level = video.muted ? 0 : video.volume;
    slider.value = String(level);
    slider.style.setProperty("--played", `${100 * level}%`);
    slider.setAttribute("aria-valuetext", `${Math.round(100 * level)} %`);
  };
}

function addRates(video, select, commands) {
  const name = (rate) => (rate === 1 ? "Normal" : `${rate}×`);
  select.replaceChildren(...RATES.map((rate) => new Option(name(rate), String(rate))));
  select.addEventListener("change", () => commands.rate(Number(select.value)));
  return () => {
    select.value = String(video.playbackRate);
  };
}

/** A menu closes as any menu does. */
function addMenu(menu) {
  const summary = menu.querySelector("summary");
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) {
      event.stopPropagation();
      menu.open = false;
      summary.focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(event.target)) {
      menu.open = false;
    }
  });
}

function addSwitch(box, name) {
  box.checked = recall()[name];
  box.addEventListener("change", () => remember({ [name]: box.checked }));
}

function canFill(stage, video) {
  return Boolean(stage.requestFullscreen ?? video.webkitEnterFullscreen);
}

/** Returns what to call when captions were chosen. */
export function addControls({ stage, film, commands, captions }) {
  const { video } = film;
  const find = (name) => stage.querySelector(`[data-do="${name}"]`);
  const [play, mute, caption, full, pip] = ["play", "mute", "captions", "full", "pip"].map(find);

  const showVolume = addVolume(video, stage.querySelector("[data-volume]"), commands);
  const showRate = addRates(video, stage.querySelector("[data-rate]"), commands);
  const showPlay = () => {
    face(play, ...playFace(film));
    stage.toggleAttribute("data-playing", !film.paused);
  };
  const showMute = () => {
    const quiet = video.muted || video.volume === 0;
    face(mute, quiet ? "muted" : "volume", quiet ? "Unmute" : "Mute");
    showVolume();
  };
  const showFull = () => {
    const filled = document.fullscreenElement === stage;
    face(full, filled ? "small" : "full", filled ? "Leave full screen" : "Full screen");
  };
  const showCaptions = () => {
    caption.hidden = !captions.available;
    stage.querySelector("[data-captions-choice]").hidden = !captions.available;
    caption.setAttribute("aria-pressed", String(captions.on));
  };

  for (const button of stage.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => commands[button.dataset.do]());
  }
  ["play", "pause", "ended", "seeked"].forEach((name) => video.addEventListener(name, showPlay));
  video.addEventListener("volumechange", showMute);
  video.addEventListener("ratechange", showRate);
  document.addEventListener("fullscreenchange", showFull);
  film.addEventListener("over", showPlay);
  stage.querySelectorAll(".controls__menu").forEach(addMenu);
  stage.querySelectorAll("[data-switch]").forEach((box) => addSwitch(box, box.dataset.switch));

  full.hidden = !canFill(stage, video);
  pip.hidden = !document.pictureInPictureEnabled;
  [showPlay, showMute, showRate, showFull, showCaptions].forEach((show) => show());
  video.removeAttribute("controls");
  stage.querySelector(".controls").hidden = false;
  return showCaptions;
}
