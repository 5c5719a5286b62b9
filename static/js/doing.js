// A click shows at once what is going on and disables its control; the event decides what is true.
// Where no event comes (a guest that ignores its power button) the old word returns after a while.

const PATIENCE_MS = 15_000;
const before = new WeakMap();

function begin(event) {
  const control = event.detail.elt;
  if (!(control instanceof HTMLElement) || !control.dataset.doing) return;
  control.setAttribute("aria-disabled", "true");
  control.classList.add("is-doing");
  const state = control.closest("tr[id], [data-of]")?.querySelector(".state");
  if (!state) return;
  before.set(control, { state, html: state.cloneNode(true) });
  state.dataset.tone = "busy";
  state.lastChild.textContent = control.dataset.doing;
}

function release(control) {
  if (!control.classList.contains("is-doing")) return;
  control.classList.remove("is-doing");
  control.removeAttribute("aria-disabled");
  const was = before.get(control);
  before.delete(control);
  if (was && was.state.lastChild.textContent === control.dataset.doing) was.state.replaceWith(was.html);
}

function end(event) {
  const control = event.detail.elt;
  if (!(control instanceof HTMLElement) || !control.dataset.doing) return;
  if (event.detail.successful) setTimeout(() => release(control), PATIENCE_MS);
  else release(control);
}

export function start() {
  document.body.addEventListener("htmx:beforeRequest", begin);
  document.body.addEventListener("htmx:afterRequest", end);
}
