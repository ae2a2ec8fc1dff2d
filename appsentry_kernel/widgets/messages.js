// What people should know besides the applications: what was refused, and what could not be used.

import { h, setText } from "./element.js";

/** Why the server refused what was pressed, until it is dismissed or something else is refused. */
export function problemPart(board) {
  const message = h("span");
  const dismiss = h("button", { type: "button", class: "as-button as-small", "aria-label": "Dismiss" }, "✕");
  const root = h("div", { class: "as-problem", role: "alert", hidden: true }, message, dismiss);
  let dismissed = null;
  const draw = () => {
    root.hidden = board.problem === null || board.problem.number === dismissed;
    setText(message, root.hidden ? "" : board.problem.message);
  };
  dismiss.addEventListener("click", () => {
    dismissed = board.problem?.number;
    draw();
  });
  return { root, draw };
}

/** How many events were not used, by cause. */
export function countsPart(board) {
  const root = h("p", { class: "as-muted as-counts" });
  const draw = () => {
    const dropped = Object.entries(board.counts).filter(([, count]) => count > 0);
    root.hidden = dropped.length === 0;
    setText(root, `Events that were not used: ${dropped.map(([cause, count]) => `${count} ${cause}`).join(", ")}`);
  };
  return { root, draw };
}
