// Answers to a control that left the page while it waited: a dialog that was closed, a button that a
// push exchanged for another. htmx looks for the places of out-of-band parts in the tree of the
// control, so from there on it would find none, and what came of the act would be told to nobody.

/** What such an answer changes besides its own target, by way of the page itself. */
function land(event) {
  const { requestConfig, serverResponse, shouldSwap, swapOverride } = event.detail;
  if (!shouldSwap || swapOverride !== "none" || !requestConfig || requestConfig.elt.isConnected) return;
  event.detail.shouldSwap = false;
  window.htmx.swap(document.body, serverResponse, { swapStyle: "none", swapDelay: 0, settleDelay: 0 });
}

export function start() {
  document.body.addEventListener("htmx:beforeSwap", land);
  // The target may leave together with the control: then its events no longer come by here.
  document.body.addEventListener("htmx:beforeRequest", (event) => event.detail.target?.addEventListener("htmx:beforeSwap", land));
}
