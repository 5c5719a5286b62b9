// What the console's scripts say: sentences come from the server in the reader's language.

/** @param {HTMLElement} root carries the JSON that the server put there */
export const dataOf = (root) => JSON.parse(root.dataset.console);

/** @param {Record<string, string>} words @param {string} code @param {Record<string, string|number>} values */
export function say(words, code, values = {}) {
  const sentence = words[code] ?? words.fault;
  return sentence.replace(/%(\w+)%/g, (whole, name) => String(values[name] ?? whole));
}

/** The token that every POST carries. */
export function csrf() {
  const headers = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
  return headers["X-CSRFToken"] ?? "";
}
