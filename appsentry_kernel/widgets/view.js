// A view of the board: parts that are drawn at most once a frame, and gone without a trace when it closes.

import { Board } from "./board.js";
import { h } from "./element.js";
import { followTheme } from "./theme.js";

const TICK_MS = 500;

/**
 * What anywidget wants of a module: one board a widget, one view each time that it is displayed. `layout(board, model)`
 * gives `{root, parts}`, or one part: `{root, draw}`, perhaps with `changed(delta)` (called before it is drawn), `tick`
 * (twice a second) and `close`.
 */
export const widget = (layout) => () => {
  let board = null;
  return {
    initialize({ model }) {
      board = new Board(model);
      return () => board.close();
    },
    render: ({ model, el }) => view(board, layout(board, model), el),
  };
};

function view(board, { root: content, parts, ...part }, el) {
  const all = parts ?? [part];
  const root = h("div", { class: "appsentry" }, content);
  el.replaceChildren(root);
  const mark = () => {
    root.classList.toggle("as-running", [...board.runs.values()].some((run) => run.state === "running"));
    root.classList.toggle("as-stale", !["live", "replay"].includes(board.state()));
  };
  let frame = null;
  const draw = () => {
    frame = null;
    mark();
    for (const one of all) one.draw();
  };
  const unsubscribe = board.subscribe((delta) => {
    for (const one of all) one.changed?.(delta);
    frame ??= requestAnimationFrame(draw);
  });
  const ticking = setInterval(() => {
    mark();
    for (const one of all) one.tick?.();
  }, TICK_MS);
  const unfollow = followTheme(root);
  draw();
  return () => {
    unsubscribe();
    clearInterval(ticking);
    if (frame !== null) cancelAnimationFrame(frame);
    unfollow();
    for (const one of all) one.close?.();
    root.remove();
  };
}
