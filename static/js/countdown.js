// Seconds until something happens: counted down where they stand, corrected by what the server says.
const ends = new WeakMap();

/** @param {HTMLElement} element carries data-left (seconds) and data-says (a sentence with # for them) */
function show(element) {
  const said = element.dataset.left;
  const known = ends.get(element);
  if (!known || known.said !== said) ends.set(element, { said, at: Date.now() + Number(said) * 1000 });
  const left = Math.max(0, Math.ceil((ends.get(element).at - Date.now()) / 1000));
  const text = element.dataset.says.replace("#", String(left));
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const element of document.querySelectorAll("[data-left][data-says]")) show(element);
}

setInterval(tick, 500);
tick();
