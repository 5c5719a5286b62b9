// Shortcuts for whoever keeps the hands on the keyboard; "?" lists them.

const PLACES = { g: "guests/", s: "storage/", n: "networks/", h: "hosts/", o: "" };
const CHORD_MS = 1200;

const isTyping = (target) =>
  target instanceof Element && (target.closest("input, textarea, select, [contenteditable=true], [data-keys=own]") !== null);

const rows = () => [...document.querySelectorAll("table.list tbody tr[id], [data-row]")].filter((row) => row.offsetParent !== null);
const here = () => document.querySelector(".is-at");

function go(step) {
  const all = rows();
  if (!all.length) return;
  const now = all.indexOf(here());
  const next = all[Math.min(all.length - 1, Math.max(0, now + step))];
  here()?.classList.remove("is-at");
  next.classList.add("is-at");
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("th a, a")?.focus({ preventScroll: true });
}

const ACTIONS = {
  j: () => go(1),
  k: () => go(-1),
  x: () => here()?.querySelector("input[type=checkbox]")?.click(),
  ".": () => here()?.querySelector("[data-menu], [popovertarget]")?.click(),
  "/": () => (document.querySelector("[data-page-search]") ?? document.getElementById("finder-input"))?.focus(),
  "?": () => document.querySelector("[data-opens=shortcuts]")?.click(),
};

export function start() {
  let chord = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event.target)) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    if (event.timeStamp - chord < CHORD_MS && event.key in PLACES) {
      chord = -Infinity;
      event.preventDefault();
      location.assign(document.body.dataset.prefix + PLACES[event.key]);
      return;
    }
    chord = -Infinity;
    if (event.key === "g") chord = event.timeStamp;
    else if (event.key === "Enter" && event.target === document.body) here()?.querySelector("th a, a")?.click();
    else if (event.key in ACTIONS) {
      event.preventDefault();
      ACTIONS[event.key]();
    }
  });
}
