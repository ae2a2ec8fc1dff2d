// The dashboard: its parts side by side, drawn at most once a frame, and gone without a trace when the view closes.

import { Board } from "./board.js";
import { cardsPart } from "./cards.js";
import { connectionPart } from "./connection.js";
import { h, icon, setText } from "./element.js";
import { feedPart } from "./feed.js";
import { progressPart } from "./progress.js";
import { followTheme } from "./theme.js";

const TICK_MS = 500;

function problemPart(board) {
  const message = h("span");
  const dismiss = h("button", { type: "button", class: "as-button as-small", "aria-label": "Dismiss" }, "✕");
  const root = h("div", { class: "as-problem", role: "alert", hidden: true }, message, dismiss);
  let dismissed = null;
  dismiss.addEventListener("click", () => {
    dismissed = board.problem?.number;
    draw();
  });
  const draw = () => {
    root.hidden = board.problem === null || board.problem.number === dismissed;
    setText(message, root.hidden ? "" : board.problem.message);
  };
  return { root, draw };
}

function countsPart(board) {
  const root = h("p", { class: "as-muted as-counts" });
  const draw = () => {
    const dropped = Object.entries(board.counts).filter(([, count]) => count > 0);
    root.hidden = dropped.length === 0;
    setText(root, `Events that were not used: ${dropped.map(([cause, count]) => `${count} ${cause}`).join(", ")}`);
  };
  return { root, draw };
}

function view(board, el) {
  const connection = connectionPart(board);
  const parts = { connection, problem: problemPart(board), progress: progressPart(board), cards: cardsPart(board),
                  feed: feedPart(board), counts: countsPart(board) };
  const brand = h("h2", { class: "as-brand" }, icon("activity"), "AppSentry");
  const root = h(
    "div",
    { class: "appsentry" },
    h(
      "div",
      { class: "as-board" },
      h("header", { class: "as-header" }, brand, connection.root),
      parts.problem.root,
      parts.progress.root,
      h("div", { class: "as-columns" }, parts.cards.root, parts.feed.root),
      parts.counts.root,
    ),
  );
  el.replaceChildren(root);
  return { root, parts: Object.values(parts) };
}

function render({ board, el }) {
  const { root, parts } = view(board, el);
  let frame = null;
  const draw = () => {
    frame = null;
    const going = [...board.runs.values()].some((run) => run.state === "running");
    root.classList.toggle("as-running", going);
    for (const part of parts) part.draw();
  };
  const unsubscribe = board.subscribe((delta) => {
    for (const part of parts) part.changed?.(delta);
    frame ??= requestAnimationFrame(draw);
  });
  const ticking = setInterval(() => parts.forEach((part) => part.tick?.()), TICK_MS);
  const unfollow = followTheme(root);
  draw();
  return () => {
    unsubscribe();
    clearInterval(ticking);
    if (frame !== null) cancelAnimationFrame(frame);
    unfollow();
    for (const part of parts) part.close?.();
    root.remove();
  };
}

/** One board a widget, one render a view. */
export default () => {
  let board = null;
  return {
    initialize({ model }) {
      board = new Board(model);
      return () => board.close();
    },
    render: ({ el }) => render({ board, el }),
  };
};
