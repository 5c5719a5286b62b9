// The guest list beyond what HTML does: says what it shows on the live wire, keeps the selection
// over pushes, acts on a row's guest, and filters while one types.

const TYPING_MS = 300;
const selected = new Set();

const rows = () => [...document.querySelectorAll("#guest-rows > tr")];
const box = (row) => row.querySelector("input[type=checkbox]");
const link = (row) => row.querySelector("th a");

/** `guest:<host>:<uuid>`, read from the row's link `<host>/<uuid>/`. */
function ref(row) {
  const [host, uuid] = link(row).getAttribute("href").split("/");
  return `guest:${host}:${uuid}`;
}

/** What the page leaves out for its size: names of controls, and the columns' words for cards. */
function dress() {
  const list = document.getElementById("guest-rows");
  if (!list) return;
  for (const row of rows()) {
    const name = link(row).textContent;
    box(row).ariaLabel = name;
    const menu = row.querySelector("button[data-menu]");
    menu.ariaLabel = list.dataset.actions;
    menu.ariaHasPopup = "menu";
  }
  const table = list.closest("table");
  [...table.tHead.rows[0].cells].forEach((head, index) => table.style.setProperty(`--label-${index + 1}`, JSON.stringify(head.textContent.trim())));
}

/* The live wire: what this page has, so that exactly the rest is sent. */

let wire = null;

function hello() {
  const list = document.getElementById("guests");
  if (!wire || !list) return;
  const have = Object.fromEntries(rows().map((row) => [row.id, row.dataset.v]));
  const { page, rev } = list.dataset;
  wire.sendImmediately(JSON.stringify({ page, rev: Number(rev), have: { "guest-rows": have } }));
}

function forgetOrder() {
  const wish = document.getElementById("list-order");
  if (wish) wish.removeAttribute("data-list");
}

/* Selection: by guest, not by element, so that it outlives rows that are exchanged. */

function showSelection() {
  dress();
  const all = rows();
  for (const row of all) box(row).checked = selected.has(ref(row));
  const here = all.filter((row) => selected.has(ref(row))).length;
  const every = document.getElementById("guest-all");
  if (every) {
    every.checked = here > 0 && here === all.length;
    every.indeterminate = here > 0 && here < all.length;
  }
  const bar = document.getElementById("guest-bulk");
  if (!bar) return;
  bar.hidden = selected.size === 0;
  const said = document.getElementById("guest-selected");
  const text = said.dataset.text.replace("%", String(selected.size));
  if (said.textContent !== text) said.textContent = text;
}

function prune() {
  const here = new Set(rows().map(ref));
  for (const one of selected) if (!here.has(one)) selected.delete(one);
  showSelection();
}

function select(event) {
  const { target } = event;
  if (!(target instanceof HTMLInputElement)) return;
  if (target.id === "guest-all") {
    for (const row of rows()) selected[target.checked ? "add" : "delete"](ref(row));
  } else {
    const row = target.closest("#guest-rows > tr");
    if (!row) return;
    selected[target.checked ? "add" : "delete"](ref(row));
  }
  showSelection();
}

/** On a phone there is no head of the table with a box for all. */
function selectEvery(event) {
  if (!(event.target instanceof Element) || !event.target.closest("#guest-every")) return;
  for (const row of rows()) selected.add(ref(row));
  showSelection();
}

function addRefs(event) {
  if (event.target.id !== "bulk") return;
  for (const one of selected) event.detail.formData.append("ref", one);
}

/* Acts: a row's buttons name a verb; where it goes is made when it is pressed. */

function wireButton(event) {
  const button = event.target instanceof Element && event.target.closest("#guest-rows button");
  if (!button || button.matches("[hx-post], [hx-get], [aria-disabled=true], [data-menu]")) return;
  const at = link(button.closest("tr")).getAttribute("href");
  const { act, ask } = button.dataset;
  if (act) {
    button.setAttribute("hx-post", `${at}${act}/`);
    button.dataset.doing = document.getElementById("guest-rows").dataset[`doing${act.replace(/-/g, "")}`] ?? "…";
  } else if (ask) button.setAttribute("hx-get", `${at}${ask}/`);
  window.htmx.process(button);
}

async function openMenu(button) {
  const menu = document.getElementById("row-menu");
  const was = document.querySelector("[popovertarget=row-menu]");
  const isOpen = menu.matches(":popover-open");
  if (isOpen) menu.hidePopover();
  was?.removeAttribute("popovertarget");
  if (isOpen && was === button) return;
  const at = link(button.closest("tr")).getAttribute("href");
  menu.replaceChildren();
  await window.htmx.ajax("GET", `${at}actions/`, { target: menu, swap: "innerHTML", source: menu });
  if (!menu.childElementCount || !button.isConnected) return;
  button.setAttribute("popovertarget", menu.id);
  button.setAttribute("popovertargetaction", "show");
  menu.showPopover();
}

function press(event) {
  const button = event.target instanceof Element && event.target.closest("#guest-rows button[data-menu]");
  if (!button) return;
  event.preventDefault();
  openMenu(button);
}

/* The filter: as one types, without a button. */

let typing = 0;

function filter(event) {
  const form = event.target.form;
  if (!form?.matches("[data-filter]")) return;
  clearTimeout(typing);
  typing = setTimeout(() => form.requestSubmit(), event.type === "input" && event.target.type === "search" ? TYPING_MS : 0);
}

/** Only what differs from the plain list stands in the address. */
function lean(event) {
  if (event.target.id !== "guest-filter") return;
  const data = event.detail.formData;
  const columns = event.target.querySelectorAll("[name=columns]");
  const chosen = [...columns].filter((one) => one.checked);
  data.delete("columns");
  if (chosen.length < columns.length) data.set("columns", chosen.map((one) => one.value).join(",") || "none");
  for (const [name, value] of [...data]) if (!value || (name === "sort" && value === "name")) data.delete(name);
}

const { body } = document;
document.addEventListener("click", wireButton, true);
document.addEventListener("click", press);
document.addEventListener("change", select);
document.addEventListener("click", selectEvery);
document.addEventListener("change", filter);
document.addEventListener("input", (event) => { if (event.target.type === "search") filter(event); });
document.addEventListener("reset", (event) => { if (event.target.id === "bulk") { selected.clear(); showSelection(); } });
body.addEventListener("htmx:configRequest", addRefs);
body.addEventListener("htmx:configRequest", lean);
body.addEventListener("htmx:wsOpen", (event) => { wire = event.detail.socketWrapper; hello(); });
body.addEventListener("htmx:wsClose", () => { wire = null; });
body.addEventListener("htmx:wsAfterMessage", prune);
body.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt?.id !== "guests") return;
  forgetOrder();
  prune();
  hello();
});
showSelection();
