// Parts of the page that come anew by themselves: not while nobody looks, and a table that was
// opened or scrolled stays so.

const PART = ".status__part";
const kept = new Map();

function partOf(event) {
  return event.detail.target?.closest?.(PART);
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const again = event.detail.elt.matches(`${PART}[hx-trigger^="every"]`);
  if (again && document.hidden) event.preventDefault();
});

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const part = partOf(event);
  if (!part) return;
  for (const table of part.querySelectorAll("details[id]")) {
    const scroll = table.querySelector(".chart__scroll");
    kept.set(table.id, {
      open: table.open,
      top: scroll?.scrollTop ?? 0,
      left: scroll?.scrollLeft ?? 0,
      focused: scroll !== null && scroll === document.activeElement,
    });
  }
});

document.body.addEventListener("htmx:load", (event) => {
  for (const table of event.detail.elt.querySelectorAll("details[id]")) {
    const before = kept.get(table.id);
    if (!before) continue;
    table.open = before.open;
    const scroll = table.querySelector(".chart__scroll");
    scroll?.scrollTo(before.left, before.top);
    if (before.focused) scroll?.focus({ preventScroll: true });
  }
});
