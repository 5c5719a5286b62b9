// One file on its way into a pool: in long pieces, some at once, whatever the server does not have yet,
// again and again until it is there. The browser reads the file as it is sent: its size costs no memory.
//
// A browser sends one file at the pace at which 16 KiB of it are read, encrypted and written by turns;
// several pieces at once fill the pauses (measured: docs/performance.md). It keeps six connections to a
// server: what they leave is the page's own, so pieces beyond the first are shared among all tabs.
import { csrf } from "./console_words.js";

const MIB = 1024 * 1024;
const LANES = 4;
const PIECE_LEAST = 8 * MIB;
const PIECE_MOST = 256 * MIB;
const WAIT_FIRST_MS = 1000;
const WAIT_MOST_MS = 30_000;
const SMOOTH_S = 4;

const told = () => new Promise((done) => document.addEventListener("kvmweb:uploads", done, { once: true }));
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

/** Pieces of what is missing: as many as there are lanes, at least, if they are worth a request. */
function cut(missing) {
  const all = missing.reduce((sum, [start, end]) => sum + end - start, 0);
  const size = Math.min(PIECE_MOST, Math.max(PIECE_LEAST, Math.ceil(all / LANES / MIB) * MIB));
  return missing.flatMap(([start, end]) => Array.from({ length: Math.ceil((end - start) / size) },
    (_, at) => [start + at * size, Math.min(end, start + (at + 1) * size)]));
}

/** Work, unless another tab has this lane. */
function shared(at, work) {
  if (!navigator.locks) return work();
  return navigator.locks.request(`kvmweb-upload-${at}`, { ifAvailable: true }, (lock) => lock && work());
}

/** A file that is sent. `onchange(sending)` is called whenever it looks different. */
export class Sending {
  /** @param {File} file @param {string} url @param {Record<string, string>} choices */
  constructor(file, url, choices, onchange) {
    Object.assign(this, { file, url, choices, onchange });
    this.state = "waiting";
    this.safe = 0;
    this.moved = 0;
    this.parts = new Map(); // what is on its way: request to bytes
    this.speed = 0;
    this.sentence = "";
    this.notes = [];
    this.volume = "";
    this.own = "";
    this.id = "";
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
        this.moved = this.safe;
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
    this.id = said.id;
    this.#know(said);
    if (said.state === "moving") await this.#send(said);
    if (!this.isOver && this.safe === file.size && !this.isCancelled) await this.#checked();
  }

  /** Until it was read; the page's live list says when to look. */
  async #checked() {
    for (let news = told(); ; news = told()) {
      await this.#look();
      if (this.state !== "checking" || this.isCancelled) return;
      await news;
    }
  }

  /** Everything that is missing, in several lanes; the first that breaks lets the others end. */
  async #send(said) {
    const pieces = cut(said.missing);
    const before = this.safe;
    let isEnded = false;
    const lane = async () => {
      while (pieces.length && !isEnded && !this.isCancelled) {
        const piece = pieces.shift();
        try {
          const answer = await this.#put(said.data_url, said.ticket, ...piece);
          isEnded ||= (answer.state ?? "moving") !== "moving";
          this.safe = Math.max(this.safe, answer.safe ?? 0);
        } catch (error) {
          if (error.message === "busy" && this.parts.size) { pieces.unshift(piece); return; } // the host has enough
          isEnded = true;
          throw error;
        }
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: LANES }, (_, at) => at ? shared(at, lane) : lane()));
    if (this.isCancelled) return;
    const broken = ends.find((end) => end.status === "rejected");
    await this.#look(); // also why it broke: it may have been refused
    if (this.state !== "moving") return;
    if (broken) throw broken.reason;
    if (this.safe === before) throw new TypeError("nothing was taken");
  }

  async #look() {
    const answer = await fetch(this.own, { headers: { "X-Quiet": "1" } });
    if (answer.status === 404) { this.own = ""; this.#end("cancelled", {}); return; } // in another tab
    if (!answer.ok) throw new TypeError("not reached");
    this.#know(await answer.json());
  }

  #know(said) {
    this.safe = this.moved = said.safe ?? this.safe;
    this.volume = said.volume ?? this.volume;
    this.notes = said.notes ?? this.notes;
    if (said.state === "done") this.#end("done", said);
    else if (said.state === "refused") this.#end("refused", said);
    else if (said.state === "checking") this.#show("checking");
  }

  /** One request; its answer is where the file stands. */
  #put(url, ticket, start, end) {
    const request = new XMLHttpRequest();
    const sent = new Promise((done, fail) => {
      request.open("PUT", url);
      request.setRequestHeader("X-Transfer-Ticket", ticket);
      request.setRequestHeader("Upload-Offset", String(start));
      request.setRequestHeader("Upload-Until", String(end));
      request.upload.onprogress = (event) => this.#progress(request, event.loaded);
      request.onerror = request.ontimeout = () => fail(new TypeError("broken off"));
      request.onabort = () => done({});
      request.onload = () => {
        let said = {};
        try { said = JSON.parse(request.responseText); } catch { fail(new TypeError("no answer")); return; }
        if (request.status === 200 || said.state) done(said);
        else fail(new TypeError(said.problem ?? "broken off"));
      };
    });
    this.parts.set(request, 0);
    this.#show("moving");
    request.send(this.file.slice(start, end));
    return sent.finally(() => this.parts.delete(request));
  }

  #progress(request, loaded) {
    this.parts.set(request, loaded);
    const moved = Math.max(this.moved, [...this.parts.values()].reduce((sum, part) => sum + part, this.safe));
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
    for (const request of this.parts.keys()) request.abort();
    if (this.own && this.state !== "done") {
      await fetch(`${this.own}cancel/`, { method: "POST", headers: { "X-CSRFToken": csrf() } });
    }
    this.#show("cancelled");
  }
}
