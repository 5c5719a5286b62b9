// Runs before the first paint, so that a dark page never flashes white. Classic and blocking on purpose.
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  function paint() {
    const theme = root.dataset.theme;
    root.classList.toggle("pf-v6-theme-dark", theme === "dark" || (theme === "system" && system.matches));
  }

  paint();
  system.addEventListener("change", paint);

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.classList.contains("theme-form")) return;
    const button = event.submitter;
    if (!(button instanceof HTMLButtonElement)) return;
    event.preventDefault();
    const body = new FormData(form, button);
    fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
    root.dataset.theme = button.value;
    for (const other of document.querySelectorAll(".theme-form button[name=theme]")) {
      other.setAttribute("aria-pressed", String(other.value === button.value));
    }
    paint();
    document.dispatchEvent(new CustomEvent("kvmweb:theme", { detail: button.value }));
  });
})();
