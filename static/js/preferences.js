/** What a viewer chose in the player, remembered in this browser. */

import { readJson, writeJson } from "./storage.js";

const KEY = "meridian.player";
const DEFAULTS = { volume: 1, muted: false, rate: 1, captions: "off", autoplay: true, keys: true };

/** The choices; whatever is missing or of another kind is as at the first visit. */
export function recall() {
  const kept = readJson(KEY) ?? {};
  const known = Object.entries(DEFAULTS).map(([name, usual]) => [
    name,
    typeof kept[name] === typeof usual ? kept[name] : usual,
  ]);
  return Object.fromEntries(known);
}

/** Changes some of them: another tab may have changed the others. */
export function remember(changes) {
  writeJson(KEY, { ...recall(), ...changes });
}
