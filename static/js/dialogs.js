// Dialogs come as fragments into #dialogs, open as modal, can be linked (?dialog=name) and close
// with Escape; leaving one with changes asks.

import { follow } from "./live.js";

function address(name) {
  const url = new URL(location.href);
  if (name) url.searchParams.set("dialog", name);
  else url.searchParams.delete("dialog");
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

const isChanged = (dialog) => dialog.dataset.changed === "true";

function mayLeave(dialog) {
  if (!isChanged(dialog)) return true;
  if (dialog.dataset.asked === "true") return true;
  dialog.dataset.asked = "true";
  const note = dialog.querySelector("[data-unsaved]");
  if (!note) return true;
  note.hidden = false;
  return false;
}

/** Open a dialog that is in the page. @param {HTMLDialogElement} dialog */
export function open(dialog) {
  if (dialog.open) return;
  dialog.showModal();
  if (dialog.dataset.beside) follow(dialog.dataset.beside);
  address(dialog.dataset.dialog);
  dialog.addEventListener("input", () => { dialog.dataset.changed = "true"; });
  dialog.addEventListener("cancel", (event) => {
    if (!mayLeave(dialog)) event.preventDefault();
  });
  dialog.addEventListener("close", () => {
    if (dialog.dataset.dialog) address("");
    if (dialog.dataset.beside) follow("");
    if (dialog.parentElement?.id === "dialogs") dialog.remove();
  });
  const field = ".pf-v6-c-modal-box__body :is(input:not([type=hidden]), select, textarea)";
  const first = dialog.querySelector("[aria-invalid=true], [autofocus]") ?? dialog.querySelector(field) ?? dialog.querySelector("[type=submit]");
  first?.focus();
}

export function start() {
  const place = document.getElementById("dialogs");
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== place) return;
    const dialog = place.querySelector("dialog");
    if (dialog) open(dialog);
  });
  document.body.addEventListener("kvmweb:close-dialog", () => {
    for (const dialog of document.querySelectorAll("#dialogs dialog[open]")) dialog.close();
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const opener = event.target.closest("[data-opens]");
    if (opener) open(document.getElementById(opener.dataset.opens));
    const closer = event.target.closest("[data-dialog-close]");
    const dialog = closer?.closest("dialog") ?? (event.target.matches("dialog[open]") ? event.target : null);
    if (dialog && mayLeave(dialog)) dialog.close();
  });
  const name = new URL(location.href).searchParams.get("dialog");
  const linked = name && document.querySelector(`[data-dialog-link="${CSS.escape(name)}"]`);
  // htmx wires its elements at DOMContentLoaded, after this module has run; before, a click would leave the page.
  if (linked) document.addEventListener("DOMContentLoaded", () => linked.click());
}
