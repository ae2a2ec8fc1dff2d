// Whether the board is fed, and how old it is. A kernel that went away cannot say so: silence is what tells.

import { h, icon, setText } from "./element.js";
import { age, clockTime } from "./words.js";

// The kernel gives a sign of life every two seconds; a freshly opened view waits less for its first.
const QUIET_MS = 10_000;
const FIRST_WORD_MS = 5_000;

const STATES = {
  live: { label: "Live Updates", icon: "wifi" },
  connecting: { label: "Connecting…", icon: "spinner" },
  disconnected: { label: "Disconnected", icon: "offline" },
  quiet: { label: "No word from the kernel", icon: "offline" },
};

export function connectionPart(board) {
  const opened = Date.now();
  const label = h("span");
  const symbol = h("span", { class: "as-symbol" });
  const pill = h("span", { class: "as-pill", role: "status" }, h("span", { class: "as-dot" }), symbol, label);
  const reconnect = h("button", { type: "button", class: "as-button", onclick: () => board.command("reconnect") });
  reconnect.textContent = "Reconnect";
  const asOf = h("span", { class: "as-muted as-asof" });
  const root = h("div", { class: "as-connection" }, asOf, pill, reconnect);

  const stateNow = () => {
    const quiet = Date.now() - (board.heardAt ?? opened) > (board.heardAt ? QUIET_MS : FIRST_WORD_MS);
    return quiet ? "quiet" : board.connection.state;
  };
  const draw = () => {
    const state = stateNow();
    if (pill.dataset.state !== state) {
      pill.dataset.state = state;
      symbol.replaceChildren(icon(STATES[state].icon));
      setText(label, STATES[state].label);
    }
    pill.title = board.connection.detail ?? "";
    reconnect.hidden = state !== "disconnected";
    const old = board.asOf === null ? 0 : board.now() - board.asOf;
    const ago = state !== "live" || old > 60_000 ? `, ${age(old)} ago` : "";
    setText(asOf, board.asOf === null ? "nothing heard yet" : `as of ${clockTime(board.asOf)}${ago}`);
    root.closest(".appsentry")?.classList.toggle("as-stale", state !== "live");
  };
  return { root, draw, tick: draw };
}
