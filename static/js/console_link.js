// The connection of one console: a ticket, a socket, and again when it was lost. Binary frames are
// the console's bytes, text frames say who sits and who drives.

import { OFF, offState } from "./console_state.js";
import { csrf, say } from "./console_words.js";

const PROTOCOL = "kvmweb.console.v1";
const PAUSES_MS = [300, 1000, 2000, 3000];
const ASLEEP_MS = 5000; // the guest is off; its page hears when it starts
const FINAL = new Set(["denied", "not-found", "revoked", "signed-out", "not-supported", "gone", "invalid"]);
const STATUSES = { 401: "signed-out", 403: "denied", 404: "not-found" };
const REASONS = { 4400: "protocol", 4401: "signed-out", 4404: "gone", 4429: "quota", 4501: "not-supported", 4503: "host-down" };

/** What noVNC takes for its socket: ours, without the text frames. Keeps what comes before it listens. */
class Channel {
  binaryType = "arraybuffer";
  onopen = null;
  onclose = null;
  onerror = null;

  constructor(socket) {
    this.socket = socket;
    this.early = [];
    this.listener = null;
  }

  get onmessage() {
    return this.listener;
  }

  set onmessage(listener) {
    this.listener = listener;
    for (const event of this.early.splice(0)) queueMicrotask(() => listener(event));
  }

  take(event) {
    if (this.listener) this.listener(event);
    else if (this.isScreen) this.early.push(event);
  }

  get protocol() {
    return this.socket.protocol;
  }

  get readyState() {
    return this.socket.readyState;
  }

  send(data) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  close() {
    this.socket.close();
  }
}

/**
 * Events: `state` {state: connecting|open|waiting|ended, code, answer}, `open` {channel},
 * `bytes` ArrayBuffer, `close`, `told` (a control message).
 */
export class Link extends EventTarget {
  constructor(data, port) {
    super();
    this.data = data;
    this.port = port;
    this.mayDrive = data.drive;
    this.tries = 0;
    this.isWanted = false;
    this.again = () => this.isWanted && !this.socket && this.retry(0);
    this.lost = () => this.drop();
  }

  start() {
    this.isWanted = true;
    this.drove = true;
    this.tries = 0;
    window.addEventListener("online", this.again);
    window.addEventListener("offline", this.lost);
    this.attempt();
  }

  stop() {
    this.isWanted = false;
    clearTimeout(this.timer);
    window.removeEventListener("online", this.again);
    window.removeEventListener("offline", this.lost);
    this.socket?.close();
    this.socket = null;
  }

  /** The network went: a socket over it takes up to 10 s to hear of it, and waits for the server's goodbye. */
  drop() {
    if (!this.socket) return;
    this.socket.close();
    this.closed("reconnecting");
  }

  /** A control message to the server. */
  say(type, values = {}) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type, ...values }));
  }

  send(data) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(data);
  }

  async attempt() {
    clearTimeout(this.timer);
    if (!this.isWanted || this.socket || this.isAsking) return;
    this.isAsking = true;
    if (this.tries === 0) this.become("connecting", "connecting");
    const state = await offState(this.data);
    const answer = state ? { state, sentence: say(this.data.words, state) } : await this.ticket().catch(() => ({ problem: "offline" }));
    this.isAsking = false;
    if (!this.isWanted) return;
    if (answer.ticket) this.open(answer.ticket);
    else if (answer.problem === "denied" && this.mayDrive) {
      this.mayDrive = false;
      this.retry(0);
    } else this.end(answer.state ?? answer.problem, answer);
  }

  /** A window that comes back takes the keyboard from no other of the same person. */
  mode() {
    if (!this.mayDrive) return "watch";
    return this.drove ? "drive" : "beside";
  }

  async ticket() {
    const response = await fetch(this.data.ticketUrls[this.port.kind], {
      method: "POST",
      headers: { "X-CSRFToken": csrf(), ...(this.tries ? { "X-Quiet": "1" } : {}) },
      body: new URLSearchParams({ device: this.port.device, mode: this.mode() }),
      redirect: "manual",
    });
    if (response.type === "opaqueredirect") return { problem: "signed-out" };
    const isJson = (response.headers.get("Content-Type") ?? "").startsWith("application/json");
    if (!isJson) return { problem: STATUSES[response.status] ?? "fault" };
    return response.json();
  }

  open(secret) {
    const url = new URL(this.data.socketUrls[this.port.kind], location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, [PROTOCOL, `kvmweb.ticket.${secret}`]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    const channel = new Channel(socket);
    channel.isScreen = this.port.kind === "screen";
    socket.addEventListener("open", () => {
      this.dispatchEvent(new CustomEvent("open", { detail: channel }));
      this.become("open", "connected");
    });
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket) return;
      if (typeof event.data === "string") this.told(JSON.parse(event.data));
      else {
        this.tries = 0;
        channel.take(event);
        this.dispatchEvent(new CustomEvent("bytes", { detail: event.data }));
      }
    });
    socket.addEventListener("close", (event) => {
      channel.onclose?.(event);
      if (socket !== this.socket) return;
      this.closed(event.reason in this.data.words ? event.reason : (REASONS[event.code] ?? "reconnecting"));
    });
  }

  closed(code) {
    this.socket = null;
    this.dispatchEvent(new CustomEvent("close"));
    this.end(code);
  }

  told(message) {
    if (message.type === "seats") this.drove = message.drives;
    this.dispatchEvent(new CustomEvent("told", { detail: message }));
  }

  /** It did not open, or it closed: for good, or to be tried again. */
  end(code, answer = null) {
    if (!this.isWanted) return;
    if (FINAL.has(code)) {
      this.isWanted = false;
      this.become("ended", code, answer);
      return;
    }
    this.become("waiting", code, answer);
    const isAsleep = OFF.has(answer?.state) && document.querySelector(".guest-head");
    this.retry(isAsleep ? ASLEEP_MS : PAUSES_MS[Math.min(this.tries, PAUSES_MS.length - 1)]);
  }

  retry(pauseMs) {
    clearTimeout(this.timer);
    this.tries += 1;
    this.timer = setTimeout(() => this.attempt(), pauseMs * (0.8 + 0.4 * Math.random()));
  }

  /** Something happened on the page's wire: perhaps the guest runs now. */
  attemptSoon() {
    if (!this.isSoon) this.retry(400);
    this.isSoon = true;
    setTimeout(() => { this.isSoon = false; }, 1000);
  }

  become(state, code, answer = null) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, code, answer } }));
  }
}
