/** Keys, as people know them from other players. */

import { recall } from "./preferences.js";

const SKIP_SECONDS = 5;

/* Letters that work wherever the focus is, but in a field. */
const ANYWHERE = {
  k: "play",
  j: "back",
  l: "forward",
  f: "full",
  m: "mute",
  c: "captions",
  i: "pip",
  n: "next",
  ">": "faster",
  "<": "slower",
  "?": "help",
};

/* Keys that also scroll the page: those belong to the player only inside it. */
const INSIDE = {
  ArrowUp: "louder",
  ArrowDown: "softer",
  Home: "beginning",
  End: "end",
};

const FIELDS = "input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]";
const PRESSED_BY_SPACE = "a, button, summary, input[type=checkbox]";

function characterOf(key, commands) {
  if (/^[0-9]$/.test(key)) {
    return () => commands.share(Number(key));
  }
  return commands[ANYWHERE[key.length === 1 ? key.toLowerCase() : key]] ?? null;
}

function actionOf(event, stage, commands) {
  const { key, target } = event;
  const inside = stage.contains(target) || document.fullscreenElement === stage;
  const slider = target.matches?.("input");
  if (key === " ") {
    return target.closest?.(PRESSED_BY_SPACE) ? null : commands.play;
  }
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const seconds = key === "ArrowLeft" ? -SKIP_SECONDS : SKIP_SECONDS;
    return slider ? null : () => commands.skip(seconds);
  }
  if (key in INSIDE) {
    return inside && !slider ? commands[INSIDE[key]] : null;
  }
  return recall().keys ? characterOf(key, commands) : null;
}

export function addKeys({ stage, commands, idle }) {
  document.addEventListener("keydown", (event) => {
    const modified = event.ctrlKey || event.metaKey || event.altKey;
    const busy = document.querySelector("dialog[open]") || event.target.closest?.(FIELDS);
    if (event.defaultPrevented || modified || busy) {
      return;
    }
    const action = actionOf(event, stage, commands);
    if (action) {
      event.preventDefault();
      idle.wake();
      action();
    }
  });
}
