// Text on its way in and out: the type-text dialog, clipboards, downloads.

import { csrf, say } from "./console_words.js";

const TYPED_MAX = 64 * 1024;

/** Save a file. @param {Blob} blob */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, "_");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** @returns the code of what happened */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "copied";
  } catch {
    return "not-copied";
  }
}

/** Press a chord through the hypervisor. @returns "" or the sentence of the problem */
export async function press(url, keys) {
  const body = new URLSearchParams({ keys });
  const response = await fetch(url, { method: "POST", headers: { "X-CSRFToken": csrf() }, body });
  if (response.ok) return "";
  const answer = await response.json().catch(() => ({}));
  return answer.sentence ?? String(response.status);
}

/** The dialog that types its text into the console. */
export class TypeDialog {
  constructor(dialog, words, typed) {
    this.dialog = dialog;
    this.text = dialog.querySelector("[data-role=text]");
    this.lines = dialog.querySelector("[data-role=lines]");
    this.text.addEventListener("input", () => this.warn(words));
    dialog.addEventListener("close", () => this.after?.());
    dialog.addEventListener("click", (event) => {
      const act = event.target.closest("[data-act]")?.dataset.act;
      if (act === "type-now" && this.text.value.length <= TYPED_MAX) {
        const text = this.text.value;
        dialog.close();
        typed(text);
      }
      if (act === "type-cancel") dialog.close();
    });
    this.words = words;
  }

  open(text, after) {
    this.after = after;
    this.text.value = text;
    this.warn(this.words);
    this.dialog.showModal();
    this.text.focus();
  }

  warn(words) {
    const count = this.text.value.split(/\r\n|\r|\n/).length;
    const isLong = this.text.value.length > TYPED_MAX;
    this.lines.hidden = count < 2 && !isLong;
    this.lines.querySelector("[data-role=lines-said]").textContent = isLong ? words["too-long"] : say(words, "lines-title", { count });
  }
}
