// A form that came back with faults: the first of them gets the focus, and none stays folded away.
// Dialogs do the same for themselves when they open.

/** @param {ParentNode} place */
function show(place) {
  const wrong = [...place.querySelectorAll("[aria-invalid=true]")].filter((field) => !field.closest("dialog"));
  for (const field of wrong) {
    for (let fold = field.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }
  wrong[0]?.focus();
}

export function start() {
  show(document);
  document.body.addEventListener("htmx:afterSettle", (event) => {
    const { requestConfig, elt } = event.detail;
    if (requestConfig?.verb === "post" && elt instanceof Element && elt.id !== "dialogs") show(elt);
  });
}
