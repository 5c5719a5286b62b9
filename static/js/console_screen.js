// A guest's screen on noVNC's RFB: scaling, keys, clipboard, picture.

import { load } from "./console_parts.js";
import { typist } from "./console_typing.js";

const CLIPBOARD_MAX = 64 * 1024;
const encoder = new TextEncoder();
const XK = { Escape: 0xff1b, Tab: 0xff09, Control: 0xffe3, Alt: 0xffe9, ArrowLeft: 0xff51, ArrowUp: 0xff52, ArrowRight: 0xff53, ArrowDown: 0xff54, Backspace: 0xff08, Enter: 0xff0d };

/** Keysym of a name on the key row. */
const keysym = (name) => (/^F\d+$/.test(name) ? 0xffbd + Number(name.slice(1)) : XK[name]);

export class Screen {
  /** @param {import("./console_link.js").Link} link @param {HTMLElement} place */
  constructor(link, place, modules, events) {
    this.link = link;
    this.place = place;
    this.modules = modules;
    this.events = events;
    this.scaling = "fit";
    this.drives = false;
    this.copied = "";
    this.onOpen = (event) => this.attach(event.detail);
    link.addEventListener("open", this.onOpen);
    this.ready = load(modules.rfb).then(
      (module) => { this.RFB = module.default; },
      () => events.broken(),
    );
  }

  async attach(channel) {
    this.rfb?.disconnect();
    this.place.replaceChildren();
    if (!this.RFB) await this.ready;
    if (!this.RFB || channel.readyState !== WebSocket.OPEN) return;
    const rfb = new this.RFB(this.place, channel, { shared: true });
    rfb.background = "transparent";
    rfb.showDotCursor = true;
    rfb.viewOnly = !this.drives;
    rfb.addEventListener("connect", () => this.events.shown());
    rfb.addEventListener("clipboard", (event) => {
      this.copied = event.detail.text.slice(0, CLIPBOARD_MAX);
      this.events.copied(this.copied);
    });
    rfb.addEventListener("disconnect", () => {
      if (this.rfb === rfb) this.rfb = null;
    });
    this.rfb = rfb;
    this.scale(this.scaling);
  }

  detach() {
    this.link.removeEventListener("open", this.onOpen);
    this.rfb?.disconnect();
    this.place.replaceChildren();
  }

  /** @param {"none"|"fit"|"resize"} mode */
  scale(mode) {
    this.scaling = mode;
    if (!this.rfb) return;
    this.rfb.scaleViewport = mode !== "none";
    this.rfb.resizeSession = mode === "resize" && this.drives;
    this.rfb.clipViewport = false;
    this.place.dataset.scaling = mode;
  }

  setDrives(drives) {
    this.drives = drives;
    if (!this.rfb) return;
    this.rfb.viewOnly = !drives;
    this.rfb.resizeSession = this.scaling === "resize" && drives;
  }

  focus() {
    this.rfb?.focus({ preventScroll: true });
  }

  blur() {
    this.rfb?.blur();
  }

  /** A key of the key row; held: the modifiers that are down. */
  press(name, held) {
    const symbols = held.map(keysym);
    for (const symbol of symbols) this.rfb?.sendKey(symbol, null, true);
    if (name.length === 1) this.typing().character(name);
    else this.rfb?.sendKey(keysym(name), null);
    for (const symbol of symbols.reverse()) this.rfb?.sendKey(symbol, null, false);
  }

  typing() {
    return typist((symbol, down) => this.rfb?.sendKey(symbol, null, down));
  }

  /** Type text as keys, slowly enough for a guest's keyboard. @returns a function that stops it */
  type(text, progress) {
    return this.typing().text(text, progress);
  }

  /** Put text on the guest's clipboard. @returns whether it is within the limit */
  paste(text) {
    const isShort = encoder.encode(text.replace(/\n/g, "\r\n")).length < CLIPBOARD_MAX;
    if (isShort) this.rfb?.clipboardPasteFrom(text);
    return isShort;
  }

  /** The screen now. @returns {Promise<Blob>} */
  picture() {
    return new Promise((resolve, reject) => {
      if (this.rfb) this.rfb.toBlob(resolve, "image/png");
      else reject(new Error("not connected"));
    });
  }
}
