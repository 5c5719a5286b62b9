// Creating a guest. Parts of the form are drawn anew by the server: what was typed meanwhile, and what
// was unfolded, stays. After a mistake the first field to be mended has the focus; leaving asks.

const form = document.getElementById("create");
const parts = () => document.getElementById("create-parts");
let isChanged = false;
let typed = new Map();
let unfolded = new Set();

function value(field) {
  return field.type === "checkbox" || field.type === "radio" ? field.checked : field.value;
}

/** Where a fold stands: the same before and after a swap, unless its row went away. */
function place(details) {
  const section = details.closest("section");
  return `${section.getAttribute("aria-labelledby")} ${[...section.querySelectorAll("details")].indexOf(details)}`;
}

function remember(event) {
  const field = event.target;
  isChanged = true;
  if (field.id) typed.set(field.id, value(field));
}

function restore() {
  for (const [id, kept] of typed) {
    const field = document.getElementById(id);
    if (!field || value(field) === kept) continue;
    if (typeof kept === "boolean") field.checked = kept;
    else field.value = kept;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  for (const details of parts().querySelectorAll("details")) {
    if (unfolded.has(place(details))) details.open = true;
  }
}

if (form) {
  form.addEventListener("input", remember);
  form.addEventListener("submit", (event) => { if (!event.submitter?.formAction.includes("draft")) isChanged = false; });
  form.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.target === parts()) typed = new Map(); });
  form.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== parts()) return;
    unfolded = new Set([...parts().querySelectorAll("details[open]")].map(place));
  });
  form.addEventListener("htmx:afterSettle", restore);
  addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
  const field = form.querySelector(".field-error")?.closest(".field, .create-switch")?.querySelector("input, select, textarea");
  field?.closest("details")?.setAttribute("open", "");
  field?.focus();
}
