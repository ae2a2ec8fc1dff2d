// Notifications that dismiss themselves: a few at once, errors longer; whoever points at one or focuses it keeps it.

import { h } from "./element.js";
import { glyph, tone, words } from "./words.js";

const AT_ONCE = 3;
const LASTS_MS = { __proto__: null, error: 15_000, warning: 10_000 };
const LASTS_ELSE_MS = 6_000;

export function toastsPart(board) {
  const list = h("div", { class: "as-toasts", role: "status", "aria-live": "polite", "aria-label": "Notifications" });
  const root = h("div", { class: "as-anchor" }, list);
  const shown = [];
  let newest = board.feed[0]?.number ?? 0;

  const dismiss = (toast) => {
    const place = shown.indexOf(toast);
    if (place < 0) return;
    shown.splice(place, 1);
    toast.close();
    toast.root.remove();
  };
  const draw = () => {
    const fresh = board.feed.filter((entry) => entry.what === "notice" && entry.number > newest).reverse();
    newest = Math.max(newest, board.feed[0]?.number ?? 0);
    for (const entry of fresh.slice(-AT_ONCE)) {
      const toast = toastOf(entry, () => dismiss(toast));
      shown.push(toast);
      list.append(toast.root);
    }
    while (shown.length > AT_ONCE) dismiss(shown.find((toast) => !toast.kept()) ?? shown[0]);
  };
  return { root, draw, close: () => [...shown].forEach(dismiss) };
}

function toastOf(entry, dismiss) {
  const button = h("button", { type: "button", class: "as-button as-small", "aria-label": "Dismiss notification" }, "✕");
  const root = h(
    "div",
    { class: "as-toast", "data-tone": tone(entry.status) },
    h("span", { class: "as-mark", "aria-hidden": "true" }, glyph(entry.status)),
    h("span", { class: "as-unseen" }, `${words(entry.status)}: `),
    h("span", { class: "as-message" }, entry.message ?? ""),
    entry.simulated ? h("span", { class: "as-badge" }, "simulated") : null,
    button,
  );
  let timer = null;
  const hold = () => clearTimeout(timer);
  const go = () => {
    hold();
    timer = setTimeout(dismiss, LASTS_MS[entry.status] ?? LASTS_ELSE_MS);
  };
  const kept = () => root.matches(":hover, :focus-within");
  const goUnlessKept = () => kept() || go();
  for (const name of ["mouseenter", "focusin"]) root.addEventListener(name, hold);
  root.addEventListener("mouseleave", goUnlessKept);
  // While the focus moves on, nothing has it yet.
  root.addEventListener("focusout", () => queueMicrotask(() => root.isConnected && goUnlessKept()));
  button.addEventListener("click", dismiss);
  go();
  return { root, kept, close: hold };
}
