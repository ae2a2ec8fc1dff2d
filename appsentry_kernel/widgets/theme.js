// Light or dark, told by the page behind the widget: JupyterLab, VS Code, Colab and marimo each mark it differently,
// but all of them paint it.

/** Keep `data-theme` of the element in step with what is behind it, until the function given back is called. */
export function followTheme(element) {
  const update = () => (element.dataset.theme = isDark(element) ? "dark" : "light");
  const observer = new MutationObserver(update);
  for (const node of [document.documentElement, document.body]) observer.observe(node, { attributes: true });
  const preference = matchMedia("(prefers-color-scheme: dark)");
  preference.addEventListener("change", update);
  // JupyterLab swaps its theme's style sheet a while after it has marked the body.
  document.head.addEventListener("load", update, true);
  // JupyterLab hands over an element that is not in the document yet: what is behind it shows when it is laid out.
  const laidOut = new ResizeObserver(update);
  laidOut.observe(element);
  update();
  return () => {
    observer.disconnect();
    laidOut.disconnect();
    preference.removeEventListener("change", update);
    document.head.removeEventListener("load", update, true);
  };
}

function isDark(element) {
  for (let node = element.parentNode; node; node = node.parentNode ?? node.host) {
    if (!(node instanceof Element)) continue;
    const [red, green, blue, alpha] = painted(getComputedStyle(node).backgroundColor);
    if (alpha > 127) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

// Red, green, blue and alpha, 0 to 255. A browser gives colours back as they were written, rgb(…), color(srgb …) or
// oklch(…), so one is painted to be known.
function painted(color) {
  const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  // Outside the document an element's colour is empty, which would leave the brush black.
  brush.fillStyle = "transparent";
  brush.fillStyle = color;
  brush.fillRect(0, 0, 1, 1);
  return brush.getImageData(0, 0, 1, 1).data;
}
