/** A button beside every password that shows what was typed, until the form is sent. */

for (const input of document.querySelectorAll('input[type="password"]')) {
  const label = document.querySelector(`label[for="${input.id}"]`)?.textContent ?? "password";
  const holder = document.createElement("div");
  const button = document.createElement("button");
  const focused = document.activeElement === input;
  holder.className = "password";
  button.className = "password__show";
  button.type = "button";
  input.replaceWith(holder);
  holder.append(input, button);
  if (focused) {
    input.focus();
  }

  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-label", `${button.textContent} ${label.toLowerCase()}`);
  };
  show(false);
  button.addEventListener("click", () => show(input.type === "password"));
  input.form?.addEventListener("submit", () => show(false));
}
