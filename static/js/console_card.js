// The console of a guest: chooses screen or serial port, shows the state in words, minds the focus.

import { remember, remembered } from "./console_choices.js";
import { Link } from "./console_link.js";
import { bindRow } from "./console_row.js";
import { Screen } from "./console_screen.js";
import { Seats } from "./console_seats.js";
import { Serial } from "./console_serial.js";
import { TypeDialog } from "./console_text.js";
import { awaitConsole, OFF } from "./console_state.js";
import { bindTools, offerTools } from "./console_tools.js";
import { dataOf, say } from "./console_words.js";

const THUMBNAIL_MS = 5000;
const SAID_MS = 8000;
const TONES = { open: "good", connecting: "busy", waiting: "warn", ended: "bad" };

export class Card {
  constructor(root) {
    this.root = root;
    this.data = dataOf(root);
    this.views = new Map();
    this.drives = false;
    this.isWanted = root.parentElement?.classList.contains("console-window");
    root.addEventListener("pointerdown", () => { this.isWanted = true; });
    this.ports = [...root.querySelectorAll("[data-port]")];
    if (!this.data.ports.length) awaitConsole(root);
    if (!this.ports.length || !this.part("stage")) return;
    this.stage = this.part("stage");
    this.dialog = new TypeDialog(this.part("dialog"), this.data.words, (text) => this.type(text));
    for (const port of this.ports) port.addEventListener("click", () => this.choose(port));
    this.part("again").addEventListener("click", () => this.link.start());
    this.bindFocus();
    bindRow(this.part("row"), () => this.view);
    bindTools(this);
    document.body.addEventListener("htmx:wsAfterMessage", () => this.heed());
    this.choose(this.first());
    this.thumbnails = setInterval(() => this.peek(), THUMBNAIL_MS);
  }

  part(role) {
    return this.root.querySelector(`[data-role=${role}]`);
  }

  /** The port in the address, the one that was used last, or the first. */
  first() {
    const { chosen } = this.data;
    const asked = chosen ? `${chosen.kind}:${chosen.device}` : new URL(location.href).searchParams.get("console") ?? remembered("port", "");
    const name = (port) => `${port.dataset.kind}:${port.dataset.device}`;
    return this.ports.find((port) => name(port) === asked) ?? this.ports.find((port) => port.dataset.kind === asked.split(":")[0]) ?? this.ports[0];
  }

  choose(port) {
    if (port === this.port) return;
    this.link?.stop();
    this.port = port;
    const { kind, device } = port.dataset;
    for (const one of this.ports) one.setAttribute("aria-pressed", String(one === port));
    for (const tools of this.root.querySelectorAll("[data-for]")) tools.hidden = tools.dataset.for !== kind;
    this.part("screen").hidden = kind !== "screen";
    this.part("serial").hidden = kind !== "serial";
    this.part("find").hidden = true;
    this.root.dataset.kind = kind;
    remember("port", `${kind}:${device}`);
    this.open(kind, device);
  }

  open(kind, device) {
    const key = `${kind}:${device}`;
    this.setDrives(false);
    let view = this.views.get(key);
    if (!view) {
      const link = new Link(this.data, { kind, device });
      view = kind === "screen" ? new Screen(link, this.part("screen"), this.data.modules, this.events()) : this.serial(link);
      view.seats = new Seats(this.data, { seats: this.part("seats"), wheel: this.part("wheel") }, link, (code, values) => this.say(code, values));
      link.addEventListener("state", (event) => link === this.link && this.become(event.detail));
      link.addEventListener("told", (event) => link === this.link && this.told(event.detail));
      this.views.set(key, view);
    }
    for (const [other, { place }] of this.views) if (other.startsWith("serial")) place.hidden = other !== key;
    this.view = view;
    this.link = view.link;
    view.seats.clear();
    if (kind === "screen") view.scale(remembered("scaling", "fit"));
    this.link.start();
  }

  serial(link) {
    const place = document.createElement("div");
    place.className = "console-terminal";
    this.part("serial").append(place);
    return new Serial(link, place, this.data.modules, this.data.words, this.events(), this.look());
  }

  look() {
    return { size: Number(remembered("font", "14")), theme: remembered("theme", "dark") };
  }

  events() {
    return {
      shown: () => this.shown(),
      copied: (text) => {
        offerTools(this);
        if (text) this.say("guest-copied");
      },
      broken: () => {
        this.link.stop();
        this.become({ state: "ended", code: "broken" });
      },
      silent: () => this.say("silent"),
      found: (at, count) => { this.part("find-said").textContent = count ? `${at || "–"} / ${count}` : ""; },
      askToType: (text) => this.dialog.open(text, () => this.view.focus()),
    };
  }

  shown() {
    this.part("veil").hidden = true;
    this.invite();
  }

  /** What the page says of its guest and offers for it. */
  pageState() {
    const said = [...document.querySelectorAll(".guest-head > .state, .guest-head [data-verb]")];
    return said.map((one) => one.dataset.verb ?? one.textContent.trim()).join();
  }

  /** The page heard something: tried again at once, except while the guest is off as it was. */
  heed() {
    if (this.link?.state === "waiting" && !(this.isOff && this.pageState() === this.offState)) this.link.attemptSoon();
  }

  /** The focus comes by itself only where the console is all there is, or was wanted before. */
  invite() {
    const isFree = document.activeElement === document.body || this.root.contains(document.activeElement);
    if (this.drives && isFree && this.isWanted && this.part("veil").hidden) this.view.focus();
  }

  become({ state, code, answer }) {
    const { words } = this.data;
    this.link.state = state;
    this.root.dataset.state = state;
    const sentence = answer?.sentence ?? say(words, code);
    const label = this.part("state");
    label.dataset.tone = TONES[state];
    label.textContent = state === "waiting" || state === "ended" ? "" : sentence;
    if (state === "open") return offerTools(this);
    this.setDrives(false);
    this.view.seats.clear();
    const isOff = OFF.has(answer?.state ?? code);
    const isKnown = this.isOff && this.offState === this.pageState();
    Object.assign(this, { isOff, offState: this.pageState() });
    this.part("veil").hidden = false;
    this.part("sentence").textContent = sentence;
    this.part("step").textContent = isOff ? "" : answer?.step ?? "";
    this.part("again").hidden = state !== "ended";
    if (isOff && !isKnown) window.htmx?.trigger(this.part("off"), "kvmweb:look");
    this.part("off").hidden = !isOff;
    return undefined;
  }

  told(message) {
    if (message.type === "problem") return this.say(message.name ? "somebody-drives" : message.problem, message);
    this.part("state").textContent = this.view.seats.show(message);
    const gained = message.drives && !this.drives;
    this.setDrives(message.drives);
    if (gained) this.invite();
    return undefined;
  }

  setDrives(drives) {
    this.drives = drives;
    this.view?.setDrives(drives);
    this.root.dataset.drives = String(drives);
    offerTools(this);
    this.hint();
  }

  say(code, values) {
    this.part("said").textContent = code && say(this.data.words, code, values);
    clearTimeout(this.forgets);
    this.forgets = setTimeout(() => this.part("said").replaceChildren(), SAID_MS);
  }

  type(text) {
    this.view.focus();
    this.view.type(text, (at, count) => this.say(at < count ? "typing" : "typed", { at, count }));
  }

  hint() {
    const inside = this.stage?.contains(document.activeElement);
    this.part("hint").textContent = this.drives ? this.data.words[inside ? "way-out" : "way-in"] : "";
  }

  /** While it has the focus no key reaches the page, Escape least of all. */
  bindFocus() {
    const leave = () => {
      this.view.blur();
      const tools = [...this.root.querySelectorAll(".console-tools button:not([aria-disabled=true])")];
      (tools.find((tool) => tool.offsetParent) ?? this.port).focus();
    };
    this.stage.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey && event.altKey && event.shiftKey) || !["Control", "Alt", "Shift"].includes(event.key)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      leave();
    }, true);
    for (const type of ["keydown", "keyup", "keypress"]) this.stage.addEventListener(type, (event) => event.stopPropagation());
    for (const type of ["focusin", "focusout"]) this.stage.addEventListener(type, () => requestAnimationFrame(() => this.hint()));
    this.stage.addEventListener("pointerdown", () => requestAnimationFrame(() => this.stage.contains(document.activeElement) || this.view.focus()));
  }

  /** The screen at a glance while the serial console is open. */
  peek() {
    const isWanted = !document.hidden && this.root.dataset.kind === "serial" && this.ports.some((port) => port.dataset.kind === "screen") && this.link.state === "open";
    const button = this.ports.find((port) => port.dataset.kind === "screen");
    let picture = button?.querySelector(".console-peek");
    if (!isWanted) return picture?.remove();
    const next = new Image();
    next.className = "console-peek";
    next.alt = "";
    next.onload = () => {
      picture = button.querySelector(".console-peek");
      picture ? picture.replaceWith(next) : button.append(next);
    };
    next.src = `${this.data.thumbnailUrl}?${Date.now()}`;
    return undefined;
  }

  close() {
    clearInterval(this.thumbnails);
    for (const view of this.views.values()) {
      view.link.stop();
      view.detach();
    }
  }
}

const cards = new Map();

function look() {
  for (const [root, card] of cards) {
    if (root.isConnected) continue;
    card.close();
    cards.delete(root);
  }
  for (const root of document.querySelectorAll("[data-console]")) if (!cards.has(root)) cards.set(root, new Card(root));
}

document.body.addEventListener("htmx:load", look);
look();
