// Before a session ends because nothing was done: a modal with a countdown. Reading and moving the
// pointer count as being there; what the page does by itself does not.
const dialog = document.getElementById("idle");
const idle = Number(dialog?.dataset.idle ?? 0);
const warn = Math.min(60, Math.floor(idle / 3));
let ends = Date.now() + idle * 1000;
let touchedAt = Date.now();
let inputAt = 0;
let isAsking = false;

/** Sign out for certain: the server's clock may be a moment behind. */
async function leave() {
  try { await send(dialog.dataset.signOut, "POST"); } catch { /* offline: the server ends it by itself */ }
  const next = encodeURIComponent(location.pathname + location.search);
  location.assign(`${dialog.dataset.signIn}?reason=idle&next=${next}`);
}

function send(url, method) {
  const headers = { "X-Requested-With": "fetch" };
  if (method === "POST") headers["X-CSRFToken"] = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  return fetch(url, { method, headers, redirect: "manual", cache: "no-store" });
}

/** Ask the server how long is left; posting says that somebody is here. @returns {Promise<number>} */
async function left(url, method) {
  const answer = await send(url, method);
  if (!answer.ok) return 0;
  const seconds = (await answer.json()).left;
  ends = Date.now() + seconds * 1000;
  if (method === "POST") touchedAt = Date.now();
  return seconds;
}

async function stay() {
  const seconds = await left(dialog.dataset.stay, "POST");
  if (seconds <= 0) await leave();
  else if (dialog.open) dialog.close();
}

function count() {
  const seconds = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
  document.getElementById("idle-left").textContent = String(seconds);
  return seconds;
}

async function due() {
  if (inputAt > touchedAt && !dialog.open) {
    await stay();
    if (ends - Date.now() > warn * 1000) return;
  }
  const seconds = await left(dialog.dataset.left, "GET");
  if (seconds <= 0) await leave();
  else if (seconds > warn) dialog.close();
  else if (!dialog.open) dialog.showModal();
}

async function tick() {
  if (isAsking) return;
  const remaining = (ends - Date.now()) / 1000;
  if (dialog.open && count() > 0 && Math.round(remaining) % 10) return;
  if (remaining > warn) return;
  isAsking = true;
  // Offline: the server decides when it is back.
  try { await due(); } catch { /* tried again at the next tick */ } finally { isAsking = false; }
  if (dialog.open) count();
}

if (dialog) {
  for (const name of ["pointermove", "pointerdown", "keydown", "wheel"]) {
    document.addEventListener(name, () => { if (!dialog.open) inputAt = Date.now(); }, { passive: true });
  }
  document.getElementById("idle-stay").addEventListener("click", () => { void stay(); });
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); void stay(); });
  setInterval(() => { void tick(); }, 1000);
}
