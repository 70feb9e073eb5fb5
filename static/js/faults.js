/** Faults by slider: each moves its number along, and what changes is sent at once. */

const board = document.getElementById("board");

function join(slider) {
  const number = document.getElementById(slider.dataset.slides);
  slider.value = number.value;
  slider.hidden = false;
  slider.addEventListener("input", () => {
    number.value = slider.value;
  });
  number.addEventListener("input", () => {
    slider.value = number.value;
  });
}

function prepare() {
  board.querySelectorAll("[data-slides]").forEach(join);
}

// An answer must not take away what is being typed into a field meanwhile

let typing = null;

function remember() {
  const field = document.activeElement;
  const begun = field?.type === "number" && field.value !== field.defaultValue;
  typing = begun && board.contains(field) ? { id: field.id, text: field.value } : null;
}

function recall() {
  const field = typing && document.getElementById(typing.id);
  if (field) field.value = typing.text;
}

board.dataset.instant = "";
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target === board) remember();
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== board) return;
  recall();
  prepare();
});
prepare();
