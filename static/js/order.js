// Rows never jump under a hand: they move to their order only while neither pointer nor focus is in
// the list; else "#sort-again" offers it. The server says the order in #list-order.

let waiting = 0;

function wish() {
  const said = document.getElementById("list-order");
  const list = said?.dataset.list && document.getElementById(said.dataset.list);
  if (!list) return null;
  const place = new Map(said.dataset.order.split(" ").map((id, index) => [id, index]));
  const rows = [...list.children];
  const at = (row) => place.get(row.id) ?? Infinity;
  const wanted = [...rows].sort((a, b) => at(a) - at(b));
  return { list, wanted, moved: rows.filter((row, index) => wanted[index] !== row).length };
}

function isInUse(list) {
  return list.matches(":hover") || list.contains(document.activeElement) || list.querySelector(":popover-open") !== null;
}

function offer(count) {
  waiting = count;
  const button = document.getElementById("sort-again");
  if (!button) return;
  button.hidden = count === 0;
  const number = button.querySelector("[data-count]");
  if (number) number.textContent = String(count);
}

/** Bring the rows into the order that the server said last, or offer it. */
export function order() {
  const found = wish();
  if (!found) return;
  if (found.moved && isInUse(found.list)) {
    offer(found.moved);
    return;
  }
  if (found.moved) found.list.append(...found.wanted);
  if (waiting) offer(0);
}

export function start() {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("#sort-again")) return;
    const found = wish();
    found?.list.append(...found.wanted);
    offer(0);
  });
  for (const type of ["pointerout", "focusout"]) {
    document.addEventListener(type, (event) => {
      if (waiting && event.target instanceof Element && event.target.closest("tbody")) requestAnimationFrame(order);
    });
  }
}
