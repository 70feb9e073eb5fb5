/**
 * The browser's own storage, or something like it.
 *
 * Where a browser refuses storage, what is kept lasts as long as the page is open.
 */

const PROBE = "meridian.probe";

class Fleeting {
  #kept = new Map();

  get length() {
    return this.#kept.size;
  }

  key(place) {
    return [...this.#kept.keys()][place] ?? null;
  }

  getItem(key) {
    return this.#kept.get(key) ?? null;
  }

  setItem(key, value) {
    this.#kept.set(key, value);
  }

  removeItem(key) {
    this.#kept.delete(key);
  }
}

function open() {
  try {
    localStorage.setItem(PROBE, "1");
    localStorage.removeItem(PROBE);
    return localStorage;
  } catch {
    return new Fleeting();
  }
}

export const storage = open();

/** What is kept under `key`, or null: also for what cannot be read, or has no room. */
export function readJson(key) {
  try {
    return JSON.parse(storage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** False when there is no room left. */
export function writeJson(key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** Every key that begins with `prefix`, as of now. */
export function keysFrom(prefix) {
  const all = Array.from({ length: storage.length }, (_, place) => storage.key(place) ?? "");
  return all.filter((key) => key.startsWith(prefix));
}
