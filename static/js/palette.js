// Search over everything (Ctrl+K): results come as a fragment, arrows choose, Enter goes there.

export function start() {
  const form = document.getElementById("finder");
  const input = document.getElementById("finder-input");
  const results = document.getElementById("finder-results");
  if (!form || !input || !results) return;

  const options = () => [...results.querySelectorAll("[role=option]")];
  const chosen = () => results.querySelector("[aria-selected=true]");

  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
  }

  function show(open) {
    results.hidden = !open;
    input.setAttribute("aria-expanded", String(open));
    if (!open) choose(null);
  }

  // An answer that comes after Escape opens nothing again.
  let isLeft = false;

  function enter() {
    isLeft = false;
    form.classList.add("is-open");
    input.focus();
    input.select();
  }

  function leave() {
    isLeft = true;
    show(false);
    form.classList.remove("is-open");
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      if (document.activeElement?.closest?.("[data-keys=own]")) return;
      event.preventDefault();
      enter();
    }
  });
  document.getElementById("finder-open")?.addEventListener("click", enter);
  // What was typed before htmx listened is searched for as well.
  document.addEventListener("DOMContentLoaded", () => {
    if (document.activeElement === input) window.htmx?.trigger(input, "focus");
  });
  // An answer to fewer letters may arrive after more were typed: it shows, but nothing of it is chosen.
  let answered = "";
  let isInHurry = false;
  const words = () => input.value.trim();
  results.addEventListener("htmx:afterSwap", (event) => {
    if (isLeft || document.activeElement !== input) return;
    answered = (new URL(event.detail.xhr.responseURL).searchParams.get("q") ?? "").trim();
    show(results.childElementCount > 0);
    choose(words() && answered === words() ? options()[0] : null);
    if (isInHurry && answered === words()) chosen()?.click();
  });
  input.addEventListener("focus", () => { isLeft = false; });
  input.addEventListener("input", () => {
    isLeft = false;
    isInHurry = false;
    choose(null);
  });
  input.addEventListener("keydown", (event) => {
    const all = options();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && all.length) {
      event.preventDefault();
      show(true);
      choose(all[(all.indexOf(chosen()) + step + all.length) % all.length]);
    } else if (event.key === "Enter" && words()) {
      event.preventDefault();
      if (chosen()) chosen().click();
      else if (answered !== words()) isInHurry = true;
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (results.hidden || !input.value) input.blur();
      input.value = "";
      leave();
    }
  });
  form.addEventListener("focusout", () => {
    requestAnimationFrame(() => {
      if (!form.contains(document.activeElement)) leave();
    });
  });
  results.addEventListener("pointerdown", (event) => event.preventDefault());
}
