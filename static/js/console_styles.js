// xterm.js writes <style> elements and style attributes, which a strict policy refuses. Here a style element made by a
// script is a stand-in whose text becomes a constructed sheet: those are made by scripts the policy
// trusts already, so `style-src 'self'` stays as it is.

const make = Document.prototype.createElement;

function standIn(document) {
  const sheet = new CSSStyleSheet();
  const element = make.call(document, "kvmweb-style");
  const refresh = (text) => sheet.replaceSync(text ?? "");
  Object.defineProperty(element, "textContent", { get: () => "", set: refresh });
  Object.defineProperty(element, "innerHTML", { get: () => "", set: refresh });
  Object.defineProperty(element, "sheet", { get: () => sheet });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    Element.prototype.remove.call(element);
  };
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  element.hidden = true;
  return element;
}

/** True colours and marks of the search are style attributes of a line's spans: said to the style itself. */
function styled(name, value) {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

/** From now on for this document. */
export function adoptStyles() {
  if (document.createElement !== make) return;
  HTMLSpanElement.prototype.setAttribute = styled;
  document.createElement = function createElement(name, options) {
    return String(name).toLowerCase() === "style" ? standIn(document) : make.call(document, name, options);
  };
}
