/** Suggestions while typing in the header's search: a combobox with a list box, as WAI-ARIA has it.
 *
 * Without this script the form is a plain search.
 */

const WAIT_MS = 150;

function combobox(form) {
  const input = form.querySelector("input");
  const box = form.querySelector("[data-suggestions]");
  const said = form.querySelector("[data-search-said]");
  let timer = 0;
  let asking = null;

  const options = () => [...box.querySelectorAll("[role=option]")];
  const chosen = () => box.querySelector("[aria-selected=true]");

  function close() {
    clearTimeout(timer);
    asking?.abort();
    box.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    said.textContent = "";
  }

  function open() {
    box.hidden = options().length === 0;
    input.setAttribute("aria-expanded", String(!box.hidden));
  }

  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    if (option) {
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", option.id);
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function move(way) {
    const all = options();
    const place = all.indexOf(chosen());
    const next = place === -1 && way < 0 ? all.length - 1 : place + way;
    choose(all[next]);
  }

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const typed = input.value.trim();
    const address = `${form.dataset.search}?${new URLSearchParams({ q: typed })}`;
    try {
      const answer = await fetch(address, {
        headers: { "HX-Request": "true" },
        signal: asking.signal,
      });
      if (!answer.ok) {
        close();
        return;
      }
      box.innerHTML = await answer.text();
    } catch {
      return; // typed on, or no answer: a plain search still works
    }
    input.removeAttribute("aria-activedescendant");
    open();
    const count = options().length - 1;
    said.textContent = count === 1 ? "1 suggestion." : `${count} suggestions.`;
  }

  function later() {
    clearTimeout(timer);
    if (input.value.trim()) {
      timer = setTimeout(ask, WAIT_MS);
    } else {
      close();
    }
  }

  function onKey(event) {
    if (event.isComposing) {
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (box.hidden) {
        later();
      } else {
        move(event.key === "ArrowDown" ? 1 : -1);
      }
    } else if (event.key === "Enter" && !box.hidden && chosen()) {
      event.preventDefault();
      location.assign(chosen().dataset.href);
    } else if (event.key === "Escape" && !box.hidden) {
      event.preventDefault();
      close();
    }
  }

  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": "search-list",
  })) {
    input.setAttribute(name, value);
  }
  input.addEventListener("input", later);
  input.addEventListener("keydown", onKey);
  input.addEventListener("focus", () => input.value.trim() && options().length && open());
  box.addEventListener("pointerdown", (event) => event.preventDefault());
  box.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) {
      location.assign(option.dataset.href);
    }
  });
  form.addEventListener("focusout", (event) => {
    if (!form.contains(event.relatedTarget)) {
      close();
    }
  });
  addEventListener("pageshow", (event) => event.persisted && close());
  if (document.activeElement === input) {
    later(); // what was typed while this script was on its way
  }
}

combobox(document.querySelector("[data-search]"));
