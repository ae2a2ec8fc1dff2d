// Building DOM without markup: text is always text, so that no name or message can ever become an element.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (`on…` are listeners, false and null leave one out) and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else setAttribute(element, name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Set, change or (false, null) remove an attribute; touches the DOM only when it differs. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : value);
}

/** Set the text; touches the DOM only when it differs. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const ICONS = {
  __proto__: null,
  wifi: "M2 6.2a8.6 8.6 0 0 1 12 0M4.3 8.7a5.3 5.3 0 0 1 7.4 0M6.6 11.1a2 2 0 0 1 2.8 0M8 13.2v.1",
  offline: "M2 6.2a8.6 8.6 0 0 1 12 0M6.6 11.1a2 2 0 0 1 2.8 0M8 13.2v.1M3 2l10 12",
  spinner: "M8 2a6 6 0 1 1-6 6",
  activity: "M1.5 8h3l2-5 3 10 2-5h3",
  health: "M8 13.3 3 8.4a3.1 3.1 0 0 1 4.4-4.4l.6.6.6-.6A3.1 3.1 0 0 1 13 8.4z",
  login: "M10.2 8.6a3.1 3.1 0 1 0-2.8-2.8L2.5 10.7v2.8h2.8v-1.9h1.8V9.9z",
  choose: "M2 4.5h6.5M12.5 4.5H14M10.500 2.500v4M2 11.500h1.500M7.500 11.500H14M5.500 9.500v4",
  run: "M5 3.2v9.6l7.6-4.8z",
  bell: "M4 11V7a4 4 0 0 1 8 0v4l1 1H3zM7 14h2",
  check: "M8 2.5 13 4.5v4c0 2.600-2 4.500-5 5.500-3-1-5-2.900-5-5.500v-4z",
};

/** A line icon, 16 by 16, in the colour of the text around it; decoration only, so hidden from readers. */
export function icon(name) {
  const path = svg("path", { d: ICONS[name] ?? ICONS.check });
  return svg("svg", { viewBox: "0 0 16 16", class: `as-icon as-icon-${name}`, "aria-hidden": "true" }, path);
}
