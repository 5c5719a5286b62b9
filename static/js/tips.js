// One tooltip for the page: the text of data-tip, on hover and on focus. Also guards disabled
// controls (aria-disabled stays focusable, so that its reason can be read) and copies commands.

const GAP = 6;

function place(tip, target) {
  const at = target.getBoundingClientRect();
  const left = Math.min(Math.max(GAP, at.left + at.width / 2 - tip.offsetWidth / 2), window.innerWidth - tip.offsetWidth - GAP);
  const above = at.top - tip.offsetHeight - GAP;
  tip.style.setProperty("left", `${left}px`);
  tip.style.setProperty("top", `${above > GAP ? above : at.bottom + GAP}px`);
}

export function start() {
  const tip = document.getElementById("tip");
  if (!tip) return;

  function show(target) {
    tip.textContent = target.dataset.tip;
    const host = target.closest(":popover-open, dialog[open]") ?? document.body;
    if (tip.parentElement !== host) host.append(tip);
    tip.hidden = false;
    place(tip, target);
  }

  const hide = () => { tip.hidden = true; };
  const near = (event) => event.target instanceof Element && event.target.closest("[data-tip]");

  for (const type of ["pointerover", "focusin"]) {
    document.addEventListener(type, (event) => {
      const target = near(event);
      if (target) show(target);
      else if (type === "pointerover") hide();
    });
  }
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  document.addEventListener(
    "click",
    (event) => {
      const control = event.target instanceof Element && event.target.closest('[aria-disabled="true"]');
      if (!control) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (control.dataset.tip) show(control);
    },
    true,
  );

  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    const said = button.dataset.tip;
    button.dataset.tip = button.dataset.copied ?? said;
    show(button);
    setTimeout(() => { button.dataset.tip = said; hide(); }, 1200);
  });
}
