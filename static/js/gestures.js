/** The picture itself: a click plays or pauses, a tap shows the controls, two taps seek. */

const DOUBLE_MS = 300;
const SKIP_SECONDS = 10;

export function addGestures({ film, commands, idle }) {
  const { video } = film;
  let lastTap = { at: 0, side: "" };

  const sideOf = (event) => {
    const { left, width } = video.getBoundingClientRect();
    const across = (event.clientX - left) / width;
    return across < 0.35 ? "left" : across > 0.65 ? "right" : "middle";
  };
  const tap = (event) => {
    const side = sideOf(event);
    const twice = event.timeStamp - lastTap.at < DOUBLE_MS && side === lastTap.side;
    lastTap = { at: event.timeStamp, side };
    if (twice && side !== "middle") {
      commands.skip(side === "left" ? -SKIP_SECONDS : SKIP_SECONDS);
      idle.wake();
    } else {
      idle.toggle();
    }
  };

  video.addEventListener("pointerup", (event) => {
    if (event.pointerType !== "mouse") {
      tap(event);
    } else if (event.button === 0) {
      commands.play();
    }
  });
  video.addEventListener("dblclick", (event) => {
    if (performance.now() - lastTap.at > DOUBLE_MS * 2) {
      commands.full();
    }
    event.preventDefault();
  });
}
