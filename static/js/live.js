// The live wire: says when the page is not live and since when, and changes what is pushed in place.
import { morph } from "./morph.js";
import { order } from "./order.js";

const FIRST_MS = 300;
const LONGEST_MS = 8000;
const GRACE_MS = 1000;
const MISSED_BEATS = 2.5;
const RETRIED_BY_HTMX = [1006, 1011, 1012, 1013];
const SIGNED_OUT = 4401;

let socket = null;
let wrapper = null;
let closedAt = 0;
let heardAt = 0;
let grace = 0;
let tries = 0;
let beside = "";

/** Full jitter under a doubling ceiling, so that a thousand browsers do not return as one. */
function delay(retries) {
  return Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(retries, 10));
}

function say(isLive) {
  const banner = document.getElementById("offline");
  if (!banner) return;
  clearTimeout(grace);
  document.body.dataset.live = isLive ? "yes" : "no";
  if (isLive) {
    closedAt = 0;
    tries = 0;
    banner.hidden = true;
    return;
  }
  closedAt ||= Date.now();
  const since = new Date(closedAt);
  grace = setTimeout(() => {
    const clock = document.getElementById("offline-since");
    clock.textContent = since.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    banner.hidden = false;
  }, navigator.onLine ? GRACE_MS : 0);
}

/** A new connection on a new element: the extension closes the socket of the one that left. */
function reopen() {
  const old = document.getElementById("live");
  if (!old) return;
  const fresh = old.cloneNode(false);
  const rev = document.getElementById("live-beat")?.dataset.rev;
  if (rev) fresh.setAttribute("ws-connect", old.getAttribute("ws-connect").replace(/([?&]rev=)\d+/, `$1${rev}`));
  old.replaceWith(fresh);
  socket?.close();
  window.htmx.process(fresh);
}

function closed(event) {
  const { code } = event.detail.event;
  if (event.target !== document.getElementById("live")) return;
  wrapper = null;
  say(false);
  if (code === SIGNED_OUT) location.reload();
  else if (!RETRIED_BY_HTMX.includes(code)) setTimeout(reopen, delay((tries += 1)));
}

/** The wire can be dead without being closed: then the server's beat stays away. */
function watch() {
  const every = Number(document.getElementById("live-beat")?.dataset.every ?? 0);
  if (!every || !heardAt || Date.now() - heardAt < every * 1000 * MISSED_BEATS) return;
  heardAt = Date.now();
  say(false);
  reopen();
}

/** Say what list this page shows, so that exactly the rest is sent; again after another search. */
function hello() {
  const listing = document.getElementById("listing");
  if (!listing || !wrapper) return;
  const list = document.getElementById("rows");
  if (!list) return; // a list that stands still
  const rows = [...list.children];
  const have = { rows: Object.fromEntries(rows.map((row) => [row.id, row.dataset.v ?? ""])) };
  const prefix = document.body.dataset.prefix.replace(/\/$/, "");
  const page = (location.pathname + location.search).slice(prefix.length);
  wrapper.sendImmediately(JSON.stringify({ page, rev: Number(listing.dataset.rev), have }));
}

function tell() {
  wrapper?.sendImmediately(JSON.stringify({ beside }));
}

/** A dialog with a live part of another page lies over this one. @param {string} address "" when it is closed */
export function follow(address) {
  if (address === beside) return;
  beside = address;
  tell();
}

function wire() {
  const { body } = document;
  window.htmx.config.wsReconnectDelay = delay;
  window.htmx.createWebSocket = (url) => {
    socket = new WebSocket(url, []);
    return socket;
  };
  body.addEventListener("htmx:wsOpen", (event) => {
    heardAt = Date.now();
    wrapper = event.detail.socketWrapper;
    say(true);
    hello();
    if (beside) tell();
  });
  body.addEventListener("htmx:wsClose", closed);
  body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.elt?.id !== "listing") return;
    document.getElementById("list-order")?.removeAttribute("data-list");
    hello();
  });
  body.addEventListener("htmx:wsBeforeMessage", () => { heardAt = Date.now(); });
  body.addEventListener("htmx:wsAfterMessage", order);
  window.addEventListener("offline", () => say(false));
  window.addEventListener("online", () => { if (document.body.dataset.live === "no") reopen(); });
  setInterval(watch, 2000);
}

/** What has an identity is changed in place; everything else is swapped as htmx does it. */
function inPlace(event) {
  const { target, fragment } = event.detail;
  const fresh = fragment.firstElementChild;
  if (!(target instanceof Element) || !target.id || fragment.childElementCount !== 1) return;
  if (fresh.id !== target.id || fresh.nodeName !== target.nodeName) return;
  event.detail.shouldSwap = false;
  morph(target, fresh);
}

export function start() {
  document.body.addEventListener("htmx:oobBeforeSwap", inPlace);
  if (document.getElementById("live")) wire();
}
