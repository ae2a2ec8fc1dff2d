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
  update();
  return () => {
    observer.disconnect();
    preference.removeEventListener("change", update);
    document.head.removeEventListener("load", update, true);
  };
}

function isDark(element) {
  for (let node = element.parentNode; node; node = node.parentNode ?? node.host) {
    const [red, green, blue, alpha = 1] = channels(node);
    if (alpha > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function channels(node) {
  if (!(node instanceof Element)) return [0, 0, 0, 0];
  return (getComputedStyle(node).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
}
