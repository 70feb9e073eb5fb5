/** Whose page this is, and the token its forms are sent with. */

const TIMEOUT_MS = 8000;

function words(text) {
  return (text ?? "").split(" ").filter(Boolean);
}

/** A short key of the viewer's, which tells viewers of one browser apart; never the id. */
export const session = {
  get viewer() {
    return document.body.dataset.viewer ?? "";
  },

  /** Keys of the anonymous viewers that were merged into this one. */
  get formers() {
    return words(document.body.dataset.formerViewers);
  },

  get token() {
    return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["x-csrftoken"] ?? "";
  },

  /**
   * Reads this page anew for a token that is good, and for whose page it is by now.
   *
   * `same` and `merged`: what is `viewer`'s may be sent. `other`: it may not, as this browser is
   * somebody else's by now. `unknown`: the site did not say.
   */
  async renew(viewer) {
    const response = await fetch(location.href, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) {
      return "unknown";
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html").body;
    const now = page.dataset.viewer ?? "";
    const merged = words(page.dataset.formerViewers).includes(viewer);
    if (now !== viewer && !merged) {
      return "other";
    }
    document.body.dataset.viewer = now;
    document.body.dataset.formerViewers = page.dataset.formerViewers ?? "";
    document.body.setAttribute("hx-headers", page.getAttribute("hx-headers") ?? "{}");
    return merged ? "merged" : "same";
  },
};
