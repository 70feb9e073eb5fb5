/** Times as people read them. */

const ROUNDING_SECONDS = 0.01;

/** `12:31`, or `1:02:07` from an hour on. */
export function clockText(seconds) {
  const whole = Math.max(0, Math.floor(seconds + ROUNDING_SECONDS));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
