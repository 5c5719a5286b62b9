// The key row of small screens: modifiers that stay down for one key, and the system's keyboard.

/** @param {HTMLElement} row @param {() => {press: (name: string, held: string[]) => void} | null} current */
export function bindRow(row, current) {
  const holds = [...row.querySelectorAll("[data-hold]")];
  const touch = row.querySelector("[data-role=touch]");
  const held = () => holds.filter((hold) => hold.getAttribute("aria-pressed") === "true").map((hold) => hold.dataset.hold);

  function press(name) {
    current()?.press(name, held());
    for (const hold of holds) hold.setAttribute("aria-pressed", "false");
  }

  row.addEventListener("pointerdown", (event) => {
    if (event.target.closest("[data-key], [data-hold]")) event.preventDefault();
  });
  row.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.key) press(button.dataset.key);
    else if (button.dataset.hold) button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    else if ("touch" in button.dataset) {
      touch.value = " ";
      touch.focus();
    }
  });
  // What the system's keyboard writes lands in a field that always holds one blank to delete.
  touch.addEventListener("input", () => {
    const text = touch.value;
    if (!text) press("Backspace");
    for (const character of text.slice(1)) press(character === "\n" ? "Enter" : character);
    touch.value = " ";
  });
}
