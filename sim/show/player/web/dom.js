// Elements made from names and text. Text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Draws an element's children anew, but only when what they are made from has changed; who had the focus keeps it.
export function renew(element, key, draw) {
  if (element.drawnFrom === key) return;
  element.drawnFrom = key;
  const held = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  element.replaceChildren(...draw());
  if (held !== undefined) element.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus();
}
