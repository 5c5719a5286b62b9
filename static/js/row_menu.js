// The menu of a row: loaded when its button is pressed, shown in the page's one #row-menu.

async function toggle(button) {
  const menu = document.getElementById("row-menu");
  const was = document.querySelector("[popovertarget=row-menu]");
  const isOpen = menu.matches(":popover-open");
  if (isOpen) menu.hidePopover();
  was?.removeAttribute("popovertarget");
  if (isOpen && was === button) return;
  menu.replaceChildren();
  await window.htmx.ajax("GET", button.dataset.menuUrl, { target: menu, swap: "innerHTML", source: menu });
  if (!menu.childElementCount || !button.isConnected) return;
  button.setAttribute("popovertarget", menu.id);
  button.setAttribute("popovertargetaction", "show");
  menu.showPopover();
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("button[data-menu-url]");
  if (!button) return;
  event.preventDefault();
  toggle(button);
});
