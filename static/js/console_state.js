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
