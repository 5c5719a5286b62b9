// Menus are popovers: the browser opens, closes and returns the focus; this places them beside
// their button and moves with the arrow keys.

const GAP = 4;
const EDGE = 8;

/** @param {HTMLElement} menu @param {HTMLElement} button */
function place(menu, button) {
  const at = button.getBoundingClientRect();
  const width = menu.offsetWidth;
  const height = menu.offsetHeight;
  const below = at.bottom + GAP + height <= window.innerHeight - EDGE;
  const top = below ? at.bottom + GAP : Math.max(EDGE, at.top - GAP - height);
  const left = Math.min(Math.max(EDGE, at.right - width), window.innerWidth - width - EDGE);
  menu.style.setProperty("top", `${top}px`);
  menu.style.setProperty("left", `${at.left + width + EDGE <= window.innerWidth && at.left < window.innerWidth / 2 ? at.left : left}px`);
}

const items = (menu) => [...menu.querySelectorAll(".menu-item, input, select")].filter((item) => item.offsetParent !== null);

function step(menu, event) {
  const move = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
  if (!move || event.target.matches("input:not([type=checkbox]), select")) return;
  event.preventDefault();
  const all = items(menu);
  const now = all.indexOf(document.activeElement);
  const next = Number.isFinite(move) ? (now + move + all.length) % all.length : move < 0 ? 0 : all.length - 1;
  all[next]?.focus();
}

export function start() {
  document.addEventListener(
    "toggle",
    (event) => {
      const menu = event.target;
      if (!(menu instanceof HTMLElement) || !menu.matches(".menu[popover]")) return;
      const buttons = document.querySelectorAll(`[popovertarget="${CSS.escape(menu.id)}"]`);
      const open = event.newState === "open";
      for (const button of buttons) button.setAttribute("aria-expanded", String(open));
      if (!open) return;
      place(menu, buttons[0]);
      const all = items(menu);
      (all.find((item) => item.getAttribute("aria-disabled") !== "true") ?? all[0])?.focus();
    },
    true,
  );
  document.addEventListener("keydown", (event) => {
    const menu = event.target instanceof Element && event.target.closest(".menu:popover-open");
    if (menu) step(menu, event);
  });
  document.addEventListener("click", (event) => {
    const item = event.target instanceof Element && event.target.closest(".menu:popover-open .menu-item");
    if (item && item.getAttribute("aria-disabled") !== "true") item.closest(".menu").hidePopover();
  });
  for (const button of document.querySelectorAll("[popovertarget]")) button.setAttribute("aria-expanded", "false");
}
