// The large parts that only consoles need. A browser remembers a module that failed to load, so
// the second try asks by another name; what still fails needs the page again.

const PAUSE_MS = 1000;

/** @param {string} url of a module */
export async function load(url) {
  try {
    return await import(url);
  } catch {
    await new Promise((resolve) => { setTimeout(resolve, PAUSE_MS); });
    return import(`${url}?again`);
  }
}
