// One file on its way into a pool: in long pieces, from the byte the server knows to be safe, again and
// again until it is there. The browser reads the file as it is sent: its size costs no memory.
import { csrf } from "./console_words.js";

const PIECE = 256 * 1024 * 1024;
const WAIT_FIRST_MS = 1000;
const WAIT_MOST_MS = 30_000;
const LOOK_MS = 2000;
const SMOOTH_S = 4;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** A server that said no, in words. */
export class Refused extends Error {
  constructor(said) {
    super(said.sentence ?? "");
    this.said = said;
  }
}

/** Ask for room, or where to go on. @param {string} url @param {Record<string, string>} wish */
export async function begin(url, wish) {
  const body = new URLSearchParams(wish);
  const answer = await fetch(url, { method: "POST", headers: { "X-CSRFToken": csrf() }, body });
  let said = {};
  try { said = await answer.json(); } catch { said = { sentence: "" }; }
  if (answer.ok) return said;
  if (answer.status >= 500 && answer.status !== 501) throw new TypeError("not reached");
  throw new Refused(said);
}

/** A file that is sent. `onchange(sending)` is called whenever it looks different. */
export class Sending {
  /** @param {File} file @param {string} url @param {Record<string, string>} choices */
  constructor(file, url, choices, onchange) {
    Object.assign(this, { file, url, choices, onchange });
    this.state = "waiting";
    this.safe = 0;
    this.moved = 0;
    this.speed = 0;
    this.sentence = "";
    this.notes = [];
    this.volume = "";
    this.own = "";
    this.request = null;
    this.isCancelled = false;
  }

  get isOver() { return ["done", "refused", "cancelled", "failed"].includes(this.state); }

  get secondsLeft() { return this.speed > 0 ? (this.file.size - this.moved) / this.speed : Infinity; }

  async run() {
    this.isCancelled = false;
    let wait = WAIT_FIRST_MS;
    while (!this.isCancelled && !this.isOver) {
      const before = this.safe;
      try {
        await this.#once();
      } catch (error) {
        if (error instanceof Refused) { this.#end("failed", error.said); break; }
        wait = this.safe > before ? WAIT_FIRST_MS : Math.min(wait * 2, WAIT_MOST_MS);
        this.#show("broken");
        await Promise.race([pause(wait), new Promise((on) => addEventListener("online", on, { once: true }))]);
      }
    }
  }

  /** From what is safe to the end, or until the connection breaks. */
  async #once() {
    const { file, choices } = this;
    if (this.own) await this.#look(); // it may have been refused while its data still went
    if (this.isOver) return;
    const mark = `${file.size}-${file.lastModified}`;
    const said = await begin(this.url, { name: file.name, size: String(file.size), mark, ...choices });
    this.own = said.url;
    this.#know(said);
    while (said.state === "moving" && this.safe < file.size && !this.isCancelled) {
      const answer = await this.#put(said.data_url, said.ticket);
      if (answer.state && answer.state !== "moving") { await this.#look(); break; }
      this.#know(answer);
    }
    while (this.state === "checking" && !this.isCancelled) {
      await pause(LOOK_MS);
      await this.#look();
    }
    if (!this.isOver && this.safe === file.size && !this.isCancelled) await this.#look();
  }

  async #look() {
    const answer = await fetch(this.own, { headers: { "X-Quiet": "1" } });
    if (answer.status === 404) { this.own = ""; return; }
    if (!answer.ok) throw new TypeError("not reached");
    this.#know(await answer.json());
  }

  #know(said) {
    this.safe = this.moved = said.offset ?? this.safe;
    this.volume = said.volume ?? this.volume;
    this.notes = said.notes ?? this.notes;
    if (said.state === "done") this.#end("done", said);
    else if (said.state === "refused") this.#end("refused", said);
    else if (said.state === "checking") this.#show("checking");
  }

  /** One request; its answer is where the file stands. */
  #put(url, ticket) {
    const piece = this.file.slice(this.safe, this.safe + PIECE);
    const from = this.safe;
    return new Promise((done, fail) => {
      const request = this.request = new XMLHttpRequest();
      request.open("PUT", url);
      request.setRequestHeader("X-Transfer-Ticket", ticket);
      request.setRequestHeader("Upload-Offset", String(from));
      request.upload.onprogress = (event) => this.#progress(from + event.loaded);
      request.onerror = request.ontimeout = () => fail(new TypeError("broken off"));
      request.onabort = () => done({});
      request.onload = () => {
        let said = {};
        try { said = JSON.parse(request.responseText); } catch { fail(new TypeError("no answer")); return; }
        if (request.status === 200 || said.state) done(said);
        else if (request.status === 409 && said.offset) done({ offset: Number(said.offset) });
        else fail(new TypeError(said.problem ?? "broken off"));
      };
      this.#show("moving");
      request.send(piece);
    });
  }

  #progress(moved) {
    const now = performance.now() / 1000;
    if (this.at) {
      const seconds = now - this.at;
      const speed = (moved - this.moved) / Math.max(seconds, 0.001);
      const share = Math.min(1, seconds / SMOOTH_S);
      this.speed = this.speed ? this.speed * (1 - share) + speed * share : speed;
    }
    this.at = now;
    this.moved = Math.min(moved, this.file.size);
    this.#show("moving");
  }

  #show(state) {
    if (state !== "moving") { this.at = 0; this.speed = 0; }
    this.state = state;
    this.onchange(this);
  }

  #end(state, said) {
    this.sentence = [said.sentence, said.step].filter(Boolean).join(" ");
    this.#show(state);
  }

  /** Give it up; nothing of it stays in the pool. */
  async cancel() {
    this.isCancelled = true;
    this.request?.abort();
    if (this.own && this.state !== "done") {
      await fetch(`${this.own}cancel/`, { method: "POST", headers: { "X-CSRFToken": csrf() } });
    }
    this.#show("cancelled");
  }
}
