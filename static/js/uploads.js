// The uploads of a pool's page: files are dropped or chosen, each has a line with speed and time left.
import { csrf, say } from "./console_words.js";
import { Refused, Sending, begin } from "./uploads_send.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];
const sendings = new Map();
const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: 1 });

const place = () => document.getElementById("uploads");
const wordsOf = (root) => JSON.parse(root.dataset.words);

function size(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${number.format(bytes / 1024 ** step)} ${UNITS[step]}`;
}

function time(seconds, words) {
  if (seconds < 60) return say(words, "seconds", { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 3600) return say(words, "minutes", { n: Math.round(seconds / 60) });
  return say(words, "hours", { n: number.format(seconds / 3600) });
}

function figures(sending, words) {
  const values = {
    done: size(sending.moved), all: size(sending.file.size), speed: size(sending.speed),
    left: Number.isFinite(sending.secondsLeft) ? time(sending.secondsLeft, words) : "",
  };
  if (sending.isOver) return [sending.sentence, ...sending.notes].filter(Boolean).join(" ");
  if (sending.state === "broken") return say(words, "broken-figures", values);
  if (sending.state === "checking") return say(words, "checking-figures", values);
  return say(words, values.left ? "moving-figures" : "first-figures", values);
}

const TONES = { done: "good", refused: "bad", failed: "bad", broken: "warn", cancelled: "calm" };

function draw(row, sending) {
  const root = place();
  if (!root || !row.isConnected) return;
  const words = wordsOf(root);
  const tone = TONES[sending.state] ?? "busy";
  const state = row.querySelector("[data-state]");
  if (row.dataset.tone !== tone || !state.dataset.drawn) {
    const glyph = root.querySelector("[data-icons]").content.querySelector(`[data-tone=${tone}] svg`);
    state.querySelector("svg").replaceWith(glyph.cloneNode(true));
    state.dataset.tone = row.dataset.tone = tone;
    state.dataset.drawn = "1";
  }
  const word = say(words, sending.state);
  const shown = state.querySelector("[data-word]");
  if (shown.textContent !== word) {
    shown.textContent = word;
    if (sending.isOver) root.querySelector("[data-said]").textContent = `${sending.file.name}: ${word}`;
  }
  const bar = row.querySelector("progress");
  bar.hidden = sending.isOver;
  if (sending.state === "checking") bar.removeAttribute("value");
  else bar.value = sending.file.size ? (100 * sending.moved) / sending.file.size : 0;
  row.querySelector("[data-figures]").textContent = figures(sending, words);
  row.querySelector("[data-retry]").hidden = sending.state !== "failed";
  row.querySelector("[data-cancel]").textContent = say(words, sending.isOver ? "put-away" : "cancel");
  const link = row.querySelector("[data-volume]");
  link.hidden = sending.state !== "done";
  if (sending.volume) link.href = sending.volume;
}

/** An image is there: a page that waits for one hears of it, once. */
function announce(sending) {
  if (sending.state !== "done" || sending.isAnnounced) return;
  sending.isAnnounced = true;
  const pool = sending.url.split("/").at(-3);
  document.dispatchEvent(new CustomEvent("kvmweb:uploaded", { detail: { pool, name: sending.file.name } }));
}

/** Send these files, one after the other. */
let queue = Promise.resolve();
export function send(files, choices = {}) {
  const root = place();
  for (const file of files) {
    root.querySelector(`[data-rows] > li[data-name="${CSS.escape(file.name)}"]`)?.remove();
    const row = root.querySelector("template[data-row]").content.firstElementChild.cloneNode(true);
    row.dataset.name = file.name;
    row.querySelector("bdi").textContent = file.name;
    row.querySelector("progress").setAttribute("aria-label", file.name);
    root.querySelector("[data-rows]").prepend(row);
    const sending = new Sending(file, root.dataset.uploads, { ...choices }, (it) => { draw(row, it); tidy(); announce(it); });
    sendings.set(row, sending);
    draw(row, sending);
    tidy();
    queue = queue.then(() => sending.run());
  }
}

async function cancel(row) {
  const sending = sendings.get(row);
  sendings.delete(row);
  row.remove();
  if (sending) await sending.cancel();
  else await fetch(`${row.dataset.url}cancel/`, { method: "POST", headers: { "X-CSRFToken": csrf() } });
}

function clicked(event) {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  const row = button?.closest(".upload-row");
  if (!button) return;
  if (button.matches("#uploads [data-choose], #uploads [data-go-on]")) document.getElementById("upload-files").click();
  else if (row && button.matches("[data-cancel]")) cancel(row);
  else if (row && button.matches("[data-retry]")) {
    const sending = sendings.get(row);
    sending.state = "waiting";
    sending.run();
  } else if (button.matches("[data-upload-start]")) startFrom(button.closest("form"));
  else if (button.matches("[data-command-make]")) command(button.closest("[data-upload-form]"));
}

function choicesOf(form) {
  const found = {};
  for (const name of ["format", "sha256"]) found[name] = form.querySelector(`[name=${name}]`)?.value.trim() ?? "";
  for (const name of ["wants_checksum", "is_trusted"]) {
    if (form.querySelector(`[name=${name}]`)?.checked) found[name] = "on";
  }
  return found;
}

function startFrom(form) {
  const files = [...form.querySelector("#upload-chosen").files];
  const choices = choicesOf(form);
  if (choices.sha256 && files.length > 1) { trouble(form, say(wordsOf(place()), "one-checksum")); return; }
  document.querySelector("#dialogs dialog[open]")?.close();
  send(files, choices);
}

function trouble(form, sentence) {
  const note = form.querySelector("[data-trouble]");
  note.hidden = !sentence;
  note.textContent = sentence;
}

async function command(root) {
  const name = root.querySelector("[data-command-name]").value.trim();
  const bytes = root.querySelector("[data-command-size]").value.trim();
  try {
    const said = await begin(`${root.dataset.uploads}?for=command`, { name, size: bytes, ...choicesOf(root) });
    const box = root.querySelector("[data-command]");
    box.hidden = root.querySelector("[data-command-note]").hidden = false;
    box.querySelector("code").textContent = box.querySelector("button").dataset.copy = said.command;
    trouble(root, "");
  } catch (error) {
    trouble(root, error instanceof Refused ? error.message : say(wordsOf(root), "unreached"));
  }
}

/** What this tab sends has a line of its own, with speed and time left: the pushed one is no more than a twin. */
function tidy() {
  const own = new Set([...sendings.values()].map((sending) => sending.id || sending.file.name));
  for (const row of document.querySelectorAll("#upload-rows > li")) {
    const isTwin = own.has(row.dataset.id) || own.has(row.dataset.name);
    if (row.hidden !== isTwin) row.hidden = isTwin;
  }
}

/** The live list of the page changed: whoever waits for a check hears of it. */
function listen() {
  const list = document.getElementById("upload-rows");
  if (!list) return;
  const told = new MutationObserver(() => {
    tidy();
    told.takeRecords();
    document.dispatchEvent(new CustomEvent("kvmweb:uploads"));
  });
  told.observe(list, { attributes: true, childList: true, characterData: true, subtree: true });
}

let pool = "";

/** The list was drawn anew, within a form: what goes on stays in it, and the pool that was chosen. */
function rehang() {
  const rows = place()?.querySelector("[data-rows]");
  const choice = place()?.querySelector("[data-upload-pool]");
  if (!rows || !choice) return;
  if ([...choice.options].some((option) => option.value === pool)) choice.value = pool;
  place().dataset.uploads = choice.value;
  const urls = [...choice.options].map((option) => option.value);
  for (const [row, sending] of sendings) {
    if (row.isConnected || !urls.includes(sending.url)) continue;
    rows.append(row);
    draw(row, sending);
  }
}

const holdsFiles = (event) => place() && [...(event.dataTransfer?.types ?? [])].includes("Files");

function start() {
  listen();
  document.addEventListener("htmx:afterSettle", rehang);
  document.addEventListener("click", clicked);
  document.addEventListener("change", (event) => {
    if (event.target.id === "upload-files") { send([...event.target.files]); event.target.value = ""; }
    if (event.target.matches("[data-upload-pool]")) place().dataset.uploads = pool = event.target.value;
    if (event.target.id === "upload-chosen") document.querySelector("[data-upload-start]").disabled = !event.target.files.length;
  });
  for (const type of ["dragenter", "dragover"]) {
    document.addEventListener(type, (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      place().querySelector("[data-drop]").classList.add("is-over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) place()?.querySelector("[data-drop]").classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    place().querySelector("[data-drop]").classList.remove("is-over");
    send([...event.dataTransfer.files]);
  });
  addEventListener("beforeunload", (event) => {
    if ([...sendings.values()].some((sending) => !sending.isOver)) event.preventDefault();
  });
}

start();
