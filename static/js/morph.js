// Change an element into another in place: what is equal stays, so that focus, selection, open
// menus and ticked boxes live through a push. Cells that changed are marked for a second.

const MARK_MS = 1200;

function attributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !(name === "class" && sameClasses(old, fresh))) old.setAttribute(name, value);
  }
}

const KEPT = new Set(["open", "style", "aria-expanded", "aria-selected"]);
const TRANSIENT = ["is-at", "is-changed", "htmx-settling", "htmx-request", "htmx-swapping"];

function sameClasses(old, fresh) {
  const kept = TRANSIENT.filter((name) => old.classList.contains(name));
  old.className = fresh.className;
  old.classList.add(...kept);
  return true;
}

function mark(cell) {
  if (cell.closest("[data-quiet]")) return;
  cell.classList.remove("is-changed");
  void cell.offsetWidth;
  cell.classList.add("is-changed");
  setTimeout(() => cell.classList.remove("is-changed"), MARK_MS);
}

const WIRES = ["hx-get", "hx-post", "hx-trigger", "hx-target", "hx-swap", "popovertarget"];

/** htmx reads these once, when it meets an element: one that got others must be a new element, or
 * a button that says "Resume" would still post what it posted as "Shut down". */
const sameWires = (old, fresh) => WIRES.every((name) => old.getAttribute(name) === fresh.getAttribute(name));

/** @param {Element} old stays in the page @param {Element} fresh gives its content */
export function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (!sameWires(old, fresh)) {
    old.replaceWith(adopt(fresh));
    return;
  }
  const cell = old.matches("td, th, [data-cell]");
  const before = cell ? old.textContent : "";
  attributes(old, fresh);
  const olds = [...old.childNodes];
  const news = [...fresh.childNodes];
  for (let i = 0; i < Math.max(olds.length, news.length); i += 1) {
    const [was, is] = [olds[i], news[i]];
    if (!was) old.append(adopt(is));
    else if (!is) was.remove();
    else if (was.nodeType === Node.ELEMENT_NODE && is.nodeType === Node.ELEMENT_NODE && was.nodeName === is.nodeName && was.id === is.id) morph(was, is);
    else if (was.nodeType === Node.TEXT_NODE && is.nodeType === Node.TEXT_NODE) { if (was.nodeValue !== is.nodeValue) was.nodeValue = is.nodeValue; }
    else was.replaceWith(adopt(is));
  }
  if (cell && before.trim() !== old.textContent.trim()) mark(old);
}

function adopt(node) {
  const element = document.importNode(node, true);
  if (element instanceof Element) queueMicrotask(() => window.htmx?.process(element));
  return element;
}
