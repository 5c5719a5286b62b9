// Creating a guest. Parts of the form are drawn anew by the server: what was typed meanwhile, and what
// was unfolded, stays. After a mistake the first field to be mended has the focus; leaving asks.

const form = document.getElementById("create");
const parts = () => document.getElementById("create-parts");
let isChanged = false;
let typed = new Map();
let unfolded = new Set();
let awaited = "";
let fetching = "";

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
  if (!field.name) return; // of the upload, no part of the guest
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

const redraw = () => window.htmx.trigger("#create-redraw", "kvmweb:redraw");

const offers = (images) => [...(images?.options ?? [])].some((option) => option.value === awaited);

/** The image that was uploaded or fetched from here, as soon as the host's list holds it; until another is chosen, also
 * when an answer that was under way draws the list as it was before. */
function choose() {
  const images = document.getElementById("id_image");
  if (!awaited || !offers(images) || images.value === awaited) return;
  const kept = awaited;
  images.value = kept;
  images.dispatchEvent(new Event("change", { bubbles: true }));
  awaited = kept;
}

function expectImage(event) {
  awaited = `${event.detail.pool}/${event.detail.name}`;
  redraw();
}

function expectFetch(event) {
  fetching = `${event.detail.pool}/${event.detail.name}`;
  redraw();
}

/** What is fetched under the name of a volume that is there already is not that volume. */
function arrive() {
  if (!fetching || !document.getElementById("create-fetches")?.dataset.fetched.split(" ").includes(fetching)) return;
  awaited = fetching;
  fetching = "";
}

/** The address of what is fetched is asked for the pool that is chosen now. */
function aimFetch(event) {
  if (!event.target.matches("[data-fetch]")) return;
  event.detail.path = form.querySelector("[data-upload-pool]").selectedOptions[0].dataset.fetchUrl;
}

/** Volumes came or went, a disc was read, or an upload ended: pushed. */
function news() {
  document.dispatchEvent(new CustomEvent("kvmweb:uploads"));
  const isAwaited = awaited && !offers(document.getElementById("id_image"));
  if (fetching || isAwaited || form.querySelector("#create-told[data-awaited]")) redraw();
}

if (form) {
  document.addEventListener("kvmweb:uploaded", expectImage);
  document.addEventListener("kvmweb:fetching", expectFetch);
  form.addEventListener("htmx:configRequest", aimFetch);
  new MutationObserver(news).observe(document.getElementById("create-news"), { attributes: true });
  form.addEventListener("change", (event) => { if (["host", "source", "image"].includes(event.target.name)) awaited = fetching = ""; });
  form.addEventListener("input", remember);
  form.addEventListener("submit", (event) => { if (!event.submitter?.formAction.includes("draft")) isChanged = false; });
  form.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.target === parts()) typed = new Map(); });
  form.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== parts()) return;
    unfolded = new Set([...parts().querySelectorAll("details[open]")].map(place));
  });
  // At once: a redraw that waited for this one reads the fields before they are settled.
  form.addEventListener("htmx:afterSwap", restore);
  form.addEventListener("htmx:afterSettle", () => { restore(); arrive(); choose(); });
  addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
  const field = form.querySelector(".field-error")?.closest(".field, .create-switch")?.querySelector("input, select, textarea");
  field?.closest("details")?.setAttribute("open", "");
  field?.focus();
}
