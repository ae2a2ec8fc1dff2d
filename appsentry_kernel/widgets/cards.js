// The applications, worst first. Only the cards that can be seen are in the document: with thousands of applications
// the DOM is what costs, so each card has a fixed height and its place is computed.

import { cardView } from "./card.js";
import { h, setText } from "./element.js";
import { glyph, many, rank, statuses, tone, words } from "./words.js";

const LEAST_WIDTH = 250;
const HEIGHT = 178;
const GAP = 10;
const ROWS_BEYOND = 1;

export function cardsPart(board) {
  const list = h("ul", { class: "as-cards" });
  const viewport = h("div", { class: "as-viewport", tabindex: "0", role: "group", "aria-label": "Applications, worst first" }, list);
  const empty = h("p", { class: "as-muted" }, "No applications yet.");
  const title = h("h3", { class: "as-title" }, "Applications");
  const tally = h("span", { class: "as-tally" });
  const root = h("section", { class: "as-panel as-applications" }, h("header", {}, title, tally), empty, viewport);
  const views = new Map();
  let byName = null;
  let order = null;
  const stale = new Set();

  const changed = (delta) => {
    for (const [id, change] of Object.entries(delta.cards ?? {})) {
      stale.add(id);
      if ("name" in change) byName = null;
      if ("status" in change) order = null;
    }
    if (delta.whole || delta.cardsGone) byName = null;
  };

  const draw = () => {
    if (byName === null) {
      byName = sortedByName(board.cards);
      order = null;
    }
    if (order === null) {
      order = worstFirst(byName, board.cards);
      empty.hidden = order.length > 0;
      setText(title, order.length ? many(order.length, "application") : "Applications");
      drawTally(tally, board);
    }
    place(board, order, { viewport, list, views, stale });
    stale.clear();
  };

  const observer = new ResizeObserver(draw);
  observer.observe(viewport);
  viewport.addEventListener("scroll", draw, { passive: true });
  return { root, draw, changed, close: () => observer.disconnect() };
}

// Names are slow to compare and seldom change; statuses change all the time and fall into a few heaps.
const collator = new Intl.Collator("en", { numeric: true });
const sortedByName = (cards) =>
  [...cards.values()].sort((one, other) => collator.compare(one.name, other.name)).map((card) => card.id);

function worstFirst(ids, cards) {
  const heaps = statuses().map(() => []);
  for (const id of ids) heaps[rank(cards.get(id).status)].push(id);
  return heaps.flat();
}

/** Put the cards that can be seen where they belong, and take the others out. */
function place(board, order, { viewport, list, views, stale }) {
  const width = viewport.clientWidth;
  // A notebook takes outputs that are scrolled away out of the document; the observer tells when they are back.
  if (width === 0) return;
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST_WIDTH + GAP)));
  list.style.height = `${Math.max(0, Math.ceil(order.length / columns) * (HEIGHT + GAP) - GAP)}px`;
  const firstRow = Math.max(0, Math.floor(viewport.scrollTop / (HEIGHT + GAP)) - ROWS_BEYOND);
  const lastRow = Math.floor((viewport.scrollTop + viewport.clientHeight) / (HEIGHT + GAP)) + ROWS_BEYOND;
  const shown = order.slice(firstRow * columns, (lastRow + 1) * columns);
  const wanted = new Set(shown);
  for (const [id, view] of views) {
    if (!wanted.has(id)) {
      view.root.remove();
      views.delete(id);
    }
  }
  const cardWidth = (width - (columns - 1) * GAP) / columns;
  const focused = list.contains(list.getRootNode().activeElement) ? list.getRootNode().activeElement : null;
  shown.forEach((id, index) => {
    const fresh = !views.has(id);
    if (fresh) views.set(id, cardView(board, id));
    const view = views.get(id);
    const position = firstRow * columns + index;
    const [row, column] = [Math.floor(position / columns), position % columns];
    view.root.style.transform = `translate(${column * (cardWidth + GAP)}px, ${row * (HEIGHT + GAP)}px)`;
    view.root.style.width = `${cardWidth}px`;
    view.root.setAttribute("aria-setsize", order.length);
    view.root.setAttribute("aria-posinset", position + 1);
    if (list.children[index] !== view.root) list.insertBefore(view.root, list.children[index] ?? null);
    if (fresh || stale.has(id)) view.draw(board.cards.get(id));
  });
  // Moving an element in the document takes the focus away from it.
  if (focused?.isConnected) focused.focus({ preventScroll: true });
}

function drawTally(tally, board) {
  const counts = new Map();
  for (const { status } of board.cards.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
  const chip = (status) =>
    h("span", { class: "as-chip", "data-tone": tone(status) }, `${glyph(status)} ${counts.get(status)} ${words(status)}`);
  tally.replaceChildren(...statuses().filter((status) => counts.has(status)).map(chip));
}
