/** Controls go away while a film plays and nobody needs them; never from under a hand or a focus. */

const IDLE_AFTER_MS = 3000;

/* After a tap, what was tapped goes on being hovered over. */
const mouse = matchMedia("(hover: hover)");

/** Returns `wake`, and `toggle` for a tap. */
export function hideWhenIdle(stage, film) {
  let timer = 0;

  const needed = () =>
    film.paused ||
    !film.settled ||
    stage.querySelector(".controls :focus-visible, .controls__menu[open], [data-card]:not([hidden])") ||
    (mouse.matches && stage.querySelector(".controls__bar:hover"));
  const rest = () => {
    if (!needed()) {
      stage.toggleAttribute("data-idle", true);
    }
  };
  const wake = () => {
    stage.removeAttribute("data-idle");
    clearTimeout(timer);
    timer = setTimeout(rest, IDLE_AFTER_MS);
  };
  const toggle = () => {
    if (stage.hasAttribute("data-idle") || film.paused) {
      wake();
    } else {
      clearTimeout(timer);
      stage.toggleAttribute("data-idle", true);
    }
  };

  stage.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") {
      wake();
    }
  });
  stage.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") {
      rest();
    }
  });
  ["focusin", "focusout", "keydown", "click"].forEach((name) => stage.addEventListener(name, wake));
  ["play", "pause"].forEach((name) => film.video.addEventListener(name, wake));
  return { wake, toggle };
}
