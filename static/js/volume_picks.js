// Volumes that are ticked in the list of a pool: counted, and asked about together.

const boxes = () => [...document.querySelectorAll("#rows .row-pick")];
const bar = () => document.getElementById("volume-picks");

function count() {
  const place = bar();
  if (!place) return;
  const all = boxes();
  const ticked = all.filter((box) => box.checked).length;
  place.hidden = ticked === 0;
  const said = place.querySelector("[data-text]");
  const text = said.dataset.text.replace("%", String(ticked));
  if (said.textContent !== text) said.textContent = text;
  const every = place.querySelector("[data-every]");
  every.hidden = ticked === all.length;
}

function press(event) {
  if (!(event.target instanceof Element) || !event.target.closest("#volume-picks")) return;
  if (event.target.closest("[data-every]")) {
    for (const box of boxes()) box.checked = true;
    count();
  } else if (event.target.closest("[data-delete]")) {
    const query = new URLSearchParams(boxes().filter((box) => box.checked).map((box) => ["volume", box.value]));
    window.htmx.ajax("GET", `${bar().dataset.url}?${query}`, { target: "#dialogs", swap: "innerHTML", source: bar() });
  }
}

document.addEventListener("click", press);
document.addEventListener("change", (event) => {
  if (event.target instanceof Element && event.target.matches(".row-pick")) count();
});
document.body.addEventListener("htmx:wsAfterMessage", count);
document.body.addEventListener("htmx:afterSettle", count);
count();
