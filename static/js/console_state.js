// Whether the guest runs: its page is told, a window of its own asks. Without it no ticket is asked for.

export const OFF = new Set(["shut-off", "crashed", "no-state"]);

/** What the page says; undefined where it does not, or may be old. */
function told() {
  return document.body.dataset.live === "no" ? undefined : document.querySelector(".guest-head")?.dataset.state;
}

async function asked(data) {
  if (document.querySelector(".guest-head")) return "";
  const response = await fetch(data.stateUrl, { headers: { "X-Quiet": "1" } }).catch(() => null);
  return response?.ok && !response.redirected ? (await response.json()).state : "";
}

/** The state of a guest that is off; empty while it runs, or when only a ticket can tell. */
export async function offState(data) {
  const state = told() ?? (await asked(data));
  return OFF.has(state) ? state : "";
}

/** A card without a console is fetched again when the page hears that its guest has one by now. */
export function awaitConsole(root) {
  function heed() {
    if (!root.isConnected) return document.body.removeEventListener("htmx:wsAfterMessage", heed);
    if (document.querySelector(".guest-head[data-console-there]")) window.htmx?.trigger(root.closest(".console-place"), "kvmweb:console");
    return undefined;
  }
  document.body.addEventListener("htmx:wsAfterMessage", heed);
}
