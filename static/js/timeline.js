/** The slider one seeks with: what was watched, what is here already, and the time under the hand. */

import { clockText } from "./times.js";

const STEP_SECONDS = 5;
const LEAP_SECONDS = 60;
const STEPS = {
  ArrowLeft: -STEP_SECONDS,
  ArrowDown: -STEP_SECONDS,
  ArrowRight: STEP_SECONDS,
  ArrowUp: STEP_SECONDS,
  PageDown: -LEAP_SECONDS,
  PageUp: LEAP_SECONDS,
};

export function addTimeline({ film, slider, tip, clock, length }) {
  let dragging = false;

  const share = (seconds) => `${film.duration ? (100 * seconds) / film.duration : 0}%`;
  const show = (position) => {
    const { duration } = film;
    clock.textContent = clockText(position);
    if (duration) {
      length.textContent = clockText(duration);
      slider.max = String(Math.floor(duration));
      slider.setAttribute("aria-valuetext", `${clockText(position)} of ${clockText(duration)}`);
    }
    slider.style.setProperty("--played", share(position));
    slider.style.setProperty("--buffered", share(film.bufferedTo));
  };
  const update = () => {
    if (!dragging && film.settled) {
      slider.value = String(film.position);
      show(film.position);
    }
  };

  const secondsAt = (event) => {
    const { left, width } = slider.getBoundingClientRect();
    const across = Math.min(1, Math.max(0, (event.clientX - left) / width));
    tip.style.setProperty("--at", `${100 * across}%`);
    return across * film.duration;
  };

  slider.addEventListener("input", () => {
    dragging = true;
    show(Number(slider.value));
  });
  slider.addEventListener("change", () => {
    dragging = false;
    film.seek(Number(slider.value));
  });
  slider.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      film.seek(film.position + step);
    }
  });
  slider.addEventListener("pointermove", (event) => {
    tip.hidden = !film.duration;
    tip.textContent = clockText(secondsAt(event));
  });
  slider.addEventListener("pointerleave", () => {
    tip.hidden = true;
  });

  film.addEventListener("time", update);
  film.addEventListener("ready", update);
  film.video.addEventListener("progress", update);
}
