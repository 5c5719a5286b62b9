// Text as key presses of a US keyboard, which is what QEMU maps keysyms to.

const SHIFT = 0xffe1;
// QEMU keeps 16 bytes for a guest that is busy and lets a press through every 10 ms: faster typing
// loses keys (hw/input/ps2.c, ui/input.c).
const PAUSE_MS = 40;
const SHIFTED = /[A-Z~!@#$%^&*()_+{}|:"<>?]/;
const NAMED = { "\n": 0xff0d, "\r": 0xff0d, "\t": 0xff09, "\b": 0xff08 };

/** Keysym of a character. Source: X11 keysymdef, the Unicode rule. */
function symbolOf(character) {
  if (character in NAMED) return NAMED[character];
  const code = character.codePointAt(0);
  return code < 0x100 ? code : 0x01000000 | code;
}

/** @param {(symbol: number, down: boolean) => void} send */
export function typist(send) {
  function character(one) {
    const symbol = symbolOf(one);
    const isShifted = SHIFTED.test(one);
    if (isShifted) send(SHIFT, true);
    send(symbol, true);
    send(symbol, false);
    if (isShifted) send(SHIFT, false);
  }

  function text(whole, progress = () => {}) {
    const characters = [...whole.replace(/\r\n/g, "\n")];
    let at = 0;
    const timer = setInterval(() => {
      if (at < characters.length) character(characters[at++]);
      progress(at, characters.length);
      if (at >= characters.length) clearInterval(timer);
    }, PAUSE_MS);
    return () => clearInterval(timer);
  }

  return { character, text };
}
