// A hint how strong a password is while it is typed; it leaves the page only with the form.

const WEAK = 40;
const STRONG = 64;
const SETS = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/];
const SIZES = [26, 26, 10, 33];

/** Bits, where characters that repeat or follow one another count for little. @param {string} text */
export function bits(text) {
  const size = SETS.reduce((sum, set, i) => sum + (set.test(text) ? SIZES[i] : 0), 0);
  let length = 0;
  for (let i = 0; i < text.length; i += 1) {
    const step = i ? text.charCodeAt(i) - text.charCodeAt(i - 1) : 9;
    length += Math.abs(step) <= 1 ? 0.3 : 1;
  }
  return size ? Math.min(length, 2 * new Set(text).size) * Math.log2(size) : 0;
}

export function start() {
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || !field.dataset.strength) return;
    const note = document.getElementById(field.dataset.strength);
    if (!note) return;
    const found = bits(field.value);
    const step = found < WEAK ? 0 : found < STRONG ? 1 : 2;
    note.dataset.tone = ["bad", "warn", "good"][step];
    note.textContent = field.value ? note.dataset.words.split("|")[step] : "";
  });
}
