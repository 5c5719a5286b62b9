// A guest's serial port on xterm.js: scrollback that outlives the connection, search, copy, download.

import { load } from "./console_parts.js";
import { adoptStyles } from "./console_styles.js";
import { say } from "./console_words.js";

const SCROLLBACK = 10000;
const ACK_BYTES = 128 * 1024;
const GATHER_MS = 250;
const KEPT = 64 * 1024;
const MARK = 192;
const PASTE_MAX = 64 * 1024;
const KEYS = { Escape: "\x1b", Tab: "\t", ArrowLeft: "\x1b[D", ArrowUp: "\x1b[A", ArrowRight: "\x1b[C", ArrowDown: "\x1b[B", Backspace: "\x7f", Enter: "\r", F1: "\x1bOP", F2: "\x1bOQ", F3: "\x1bOR", F4: "\x1bOS", F5: "\x1b[15~", F6: "\x1b[17~", F7: "\x1b[18~", F8: "\x1b[19~", F9: "\x1b[20~", F10: "\x1b[21~", F11: "\x1b[23~", F12: "\x1b[24~" };
export const THEMES = {
  dark: { background: "#151515", foreground: "#e8e8e8", cursor: "#e8e8e8", selectionBackground: "#4a5d78" },
  light: { background: "#ffffff", foreground: "#1f1f1f", cursor: "#1f1f1f", selectionBackground: "#b9d2f4", brightBlack: "#6a6e73", white: "#6a6e73", brightWhite: "#3c3f42", yellow: "#8f6a00", brightYellow: "#795600", green: "#2a6b1d", brightGreen: "#2a6b1d", cyan: "#00626a", brightCyan: "#00626a" },
  green: { background: "#001a08", foreground: "#5dff8b", cursor: "#5dff8b", selectionBackground: "#0d5a2a" },
};
const encoder = new TextEncoder();

/** Where what we have ends inside what the server replays; -1 when it is another stream. */
export function seam(kept, replay) {
  const size = Math.min(MARK, kept.length, replay.length);
  if (size < 16) return -1;
  const mark = kept.subarray(kept.length - size);
  for (let at = replay.length - size; at >= 0; at -= 1) {
    let same = 0;
    while (same < size && replay[at + same] === mark[same]) same += 1;
    if (same === size) return at + size;
  }
  return -1;
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export class Serial {
  constructor(link, place, modules, words, events, look) {
    Object.assign(this, { link, place, words, events, look, drives: false, unread: 0 });
    this.kept = new Uint8Array(0);
    this.gathered = null;
    this.ready = this.build(modules).catch(() => events.broken());
    link.addEventListener("open", () => this.gather());
    link.addEventListener("bytes", (event) => this.take(new Uint8Array(event.detail)));
  }

  async build(modules) {
    adoptStyles();
    const [{ Terminal }, { FitAddon }, { SearchAddon }] = await Promise.all(
      [modules.terminal, modules.fit, modules.search].map(load),
    );
    await document.fonts?.load(`${this.look.size}px "Red Hat Mono"`).catch(() => {});
    this.terminal = new Terminal({
      scrollback: SCROLLBACK,
      fontFamily: '"Red Hat Mono", "RedHatMono", ui-monospace, Menlo, Consolas, monospace',
      fontSize: this.look.size,
      theme: THEMES[this.look.theme],
      cursorBlink: true,
      disableStdin: !this.drives,
      screenReaderMode: false,
      allowProposedApi: true,
      linkHandler: { activate: (event, url) => /^https?:/.test(url) && event.ctrlKey && window.open(url, "_blank", "noopener,noreferrer") },
    });
    this.terminal.attachCustomKeyEventHandler((event) => {
      if (!this.drives && event.key === " ") event.preventDefault(); // who watches would scroll the page
      return true;
    });
    this.fit = new FitAddon();
    this.finder = new SearchAddon();
    this.terminal.loadAddon(this.fit);
    this.terminal.loadAddon(this.finder);
    this.finder.onDidChangeResults(({ resultIndex, resultCount }) => this.events.found(resultIndex + 1, resultCount));
    this.place.dataset.look = this.look.theme;
    this.terminal.open(this.place);
    this.terminal.onData((text) => this.drives && this.link.send(encoder.encode(text)));
    this.terminal.textarea?.addEventListener("paste", (event) => this.onPaste(event), true);
    this.observer = new ResizeObserver(() => this.place.offsetParent && this.fit.fit());
    this.observer.observe(this.place);
    this.fit.fit();
  }

  /** The first moment after opening is what others saw before: shown once, not twice. */
  gather() {
    this.gathered = [];
    setTimeout(() => this.settle(), GATHER_MS);
  }

  async settle() {
    const replay = joined(this.gathered ?? []);
    this.gathered = null;
    await this.ready;
    if (!this.terminal) return;
    const from = this.kept.length ? seam(this.kept, replay) : 0;
    if (from < 0) this.note("back-text");
    this.write(replay.subarray(Math.max(0, from)));
    this.events.shown();
    if (!this.kept.length) this.events.silent();
  }

  note(code) {
    const line = say(this.words, code, { time: new Date().toLocaleTimeString() });
    const leave = this.terminal.buffer.active.type === "alternate" ? "\x1b[?1049l" : "";
    this.terminal.write(`${leave}\x1b[0m\r\n\x1b[2m${line}\x1b[0m\r\n`);
  }

  take(bytes) {
    if (this.gathered) this.gathered.push(bytes);
    else this.write(bytes);
  }

  write(bytes) {
    if (!bytes.length) return;
    this.kept = joined([this.kept, bytes]).slice(-KEPT);
    this.terminal.write(bytes, () => this.drawn(bytes.length));
  }

  drawn(count) {
    this.unread += count;
    if (this.unread < ACK_BYTES && this.unread > 0 && count > 4096) return;
    this.link.say("ack", { bytes: this.unread });
    this.unread = 0;
  }

  detach() {
    this.observer?.disconnect();
    this.terminal?.dispose();
    this.place.replaceChildren();
  }

  setDrives(drives) {
    this.drives = drives;
    if (this.terminal) this.terminal.options.disableStdin = !drives;
  }

  focus() {
    this.terminal?.focus();
  }

  blur() {
    this.terminal?.blur();
  }

  press(name, held) {
    let text = name.length === 1 ? name : (KEYS[name] ?? "");
    if (held.includes("Control") && name.length === 1) text = String.fromCharCode(name.toUpperCase().charCodeAt(0) & 0x1f);
    if (held.includes("Alt")) text = `\x1b${text}`;
    if (this.drives) this.link.send(encoder.encode(text));
  }

  /** Several lines would run as several commands: asked first, unless the guest knows of pasting. */
  onPaste(event) {
    const text = event.clipboardData?.getData("text") ?? "";
    const lines = text.split(/\r\n|\r|\n/).length;
    if (text.length <= PASTE_MAX && (lines < 2 || this.terminal.modes.bracketedPasteMode)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.events.askToType(text);
  }

  type(text) {
    if (this.drives) this.terminal.paste(text.slice(0, PASTE_MAX));
  }

  setLook(look) {
    this.look = look;
    this.place.dataset.look = look.theme;
    this.terminal.options.fontSize = look.size;
    this.terminal.options.theme = THEMES[look.theme];
    this.fit.fit();
  }

  find(text, backwards) {
    const options = { incremental: false, decorations: { matchBackground: "#7a5c00", matchOverviewRuler: "#f0ab00", activeMatchBackground: "#f0ab00", activeMatchColorOverviewRuler: "#f0ab00" } };
    return backwards ? this.finder.findPrevious(text, options) : this.finder.findNext(text, options);
  }

  clearFind() {
    this.finder.clearDecorations();
  }

  /** What is selected, else everything that is kept. */
  text({ selectionOnly = false } = {}) {
    if (selectionOnly) return this.terminal.getSelection();
    const buffer = this.terminal.buffer.normal;
    const lines = [];
    for (let row = 0; row < buffer.length; row += 1) {
      const line = buffer.getLine(row);
      const text = line?.translateToString(true) ?? "";
      if (line?.isWrapped && lines.length) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return `${lines.join("\n").trimEnd()}\n`;
  }
}
