// The applications, worst first. Only the cards that can be seen are in the document: with thousands of applications
// the DOM is what costs.

import { calmly } from "./calm.js";
import { cardView } from "./card.js";
import { h, setText } from "./element.js";
import { filterBar, shownWords } from "./filter.js";
import { Order } from "./order.js";
import { arranged, inSight } from "./rows.js";
import { many } from "./words.js";

export function cardsPart(board) {
  const list = h("ul", { class: "as-cards" });
  const viewport = h("div", { class: "as-viewport", tabindex: "0", role: "group", "aria-label": "Applications, worst first" }, list);
  const empty = h("p", { class: "as-muted as-empty" });
  const title = h("h3", { class: "as-title" }, "Applications");
  const order = new Order(board);
  const filter = filterBar(board, order.choice, () => {
    order.rearrange();
    viewport.scrollTop = 0;
    draw();
  });
  const root = h("section", { class: "as-panel as-applications" }, h("header", {}, title, filter.root), empty, viewport);
  const views = new Map();
  const stale = new Set();
  const isTime = calmly();
  let places = null;
  let width = 0;

  const changed = (delta) => {
    for (const part of [delta.cards, delta.beats]) for (const id of Object.keys(part ?? {})) stale.add(id);
    order.heard(delta);
  };

  const draw = () => {
    const isNews = order.wanting || (!order.settled && isTime());
    if (isNews) filter.draw();
    // A notebook takes outputs that are scrolled away out of the document; the observer tells when they are back.
    if (viewport.clientWidth === 0) return;
    if (isNews || width !== viewport.clientWidth) {
      width = viewport.clientWidth;
      places = arranged(order.sections(), width);
      list.style.height = `${places.height}px`;
      setText(title, board.cards.size ? shownWords(places.total, board.cards.size) : "Applications");
      setText(empty, board.cards.size ? "No application is as you asked." : "No applications yet.");
      empty.hidden = places.total > 0;
    }
    place(board, places, { viewport, list, views, stale });
    stale.clear();
  };

  const observer = new ResizeObserver(draw);
  observer.observe(viewport);
  viewport.addEventListener("scroll", draw, { passive: true });
  const tick = () => order.settled || draw();
  return { root, draw, changed, tick, close: () => observer.disconnect() };
}

/** Put what can be seen where it belongs, and take the rest out. */
function place(board, places, { viewport, list, views, stale }) {
  const shown = inSight(places, viewport.scrollTop, viewport.scrollTop + viewport.clientHeight);
  const keys = shown.map((item) => ("id" in item ? `card ${item.id}` : `group ${item.heading}`));
  const wanted = new Set(keys);
  for (const [key, view] of views) {
    if (!wanted.has(key)) {
      view.root.remove();
      views.delete(key);
    }
  }
  const active = list.getRootNode().activeElement;
  const focused = list.contains(active) ? active : null;
  shown.forEach((item, index) => {
    const fresh = !views.has(keys[index]);
    if (fresh) views.set(keys[index], "id" in item ? cardView(board, item.id) : headingView(item.heading));
    const view = views.get(keys[index]);
    view.root.style.transform = `translate(${item.x}px, ${item.y}px)`;
    if (list.children[index] !== view.root) list.insertBefore(view.root, list.children[index] ?? null);
    if (!("id" in item)) {
      view.draw(item);
      return;
    }
    view.root.style.width = `${places.cardWidth}px`;
    view.root.setAttribute("aria-setsize", places.total);
    view.root.setAttribute("aria-posinset", item.position);
    if (fresh || stale.has(item.id)) view.draw(board.cards.get(item.id));
  });
  // Moving an element in the document takes the focus away from it.
  if (focused?.isConnected) focused.focus({ preventScroll: true });
}

function headingView(heading) {
  const count = h("span", { class: "as-muted" });
  const root = h("li", { class: "as-group", role: "presentation" }, h("h4", {}, heading), count);
  return { root, draw: (item) => setText(count, many(item.count, "application")) };
}
