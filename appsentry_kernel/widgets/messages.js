// What people should know besides the applications: what was refused, what nobody answers, and what could not be used.

import { h, setText } from "./element.js";
import { age, clockTime } from "./words.js";

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

/** That what was pressed reached nobody, and how old what is shown is; until the kernel says a word. */
export function silencePart(board) {
  const message = h("span", { role: "alert" });
  const old = h("span", { class: "as-muted" });
  const root = h("div", { class: "as-problem", hidden: true }, message, old);
  const draw = () => {
    root.hidden = !board.isUnanswered();
    setText(message, root.hidden ? "" : "The kernel does not answer: what you pressed may not happen.");
    const heard = board.asOf === null ? null : `This picture is as of ${clockTime(board.asOf)}, ${age(board.present() - board.asOf)} ago`;
    setText(old, root.hidden ? "" : (heard ?? "Nothing was heard yet"));
  };
  return { root, draw, tick: draw };
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
