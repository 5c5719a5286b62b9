// A page that did not get all its scripts and styles is fetched again, once. Chromium ends whatever it is fetching when an
// address of its machine comes or goes (ERR_NETWORK_CHANGED), and a guest that starts brings one where the browser runs on
// the host itself. Classic and first, so that it hears of all that comes after it.
(() => {
  const KEY = "kvmweb:fetched-again";
  const AGAIN_MS = 30_000;
  let isWhole = true;

  function miss(event) {
    if (event.target instanceof HTMLScriptElement || event.target instanceof HTMLLinkElement) isWhole = false;
  }

  function end() {
    window.removeEventListener("error", miss, true);
    if (isWhole || Date.now() - Number(sessionStorage.getItem(KEY)) < AGAIN_MS) return;
    sessionStorage.setItem(KEY, String(Date.now()));
    location.reload();
  }

  window.addEventListener("error", miss, true);
  window.addEventListener("load", end);
})();
