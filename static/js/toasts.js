// Messages at the edge: good news leaves by itself, trouble stays until it is closed.

const STAY_MS = 8000;
const MOST = 5;

function mind(item) {
  const tone = item.querySelector("[data-toast]")?.dataset.toast;
  if (!["good", "success", "info"].includes(tone)) return;
  let timer = setTimeout(() => item.remove(), STAY_MS);
  for (const type of ["pointerenter", "focusin"]) item.addEventListener(type, () => clearTimeout(timer));
  for (const type of ["pointerleave", "focusout"]) {
    item.addEventListener(type, () => {
      clearTimeout(timer);
      timer = setTimeout(() => item.remove(), STAY_MS);
    });
  }
}

export function start() {
  const list = document.getElementById("toasts");
  if (!list) return;
  for (const item of list.children) mind(item);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node instanceof HTMLElement) mind(node);
    while (list.childElementCount > MOST) list.lastElementChild.remove();
  }).observe(list, { childList: true });
  list.addEventListener("click", (event) => {
    if (event.target.closest("[data-toast-close]")) event.target.closest(".toast").remove();
  });
}
