// Whether the board is fed, how old it is, and what is done about it.

import { h, icon, setText } from "./element.js";
import { age, clockTime } from "./words.js";

const OLD_MS = 60_000;

const STATES = {
  live: { label: "Live Updates", icon: "wifi" },
  connecting: { label: "Connecting…", icon: "spinner" },
  disconnected: { label: "Disconnected", icon: "offline" },
  replay: { label: "Replay", icon: "run" },
  quiet: { label: "No word from the kernel", icon: "offline" },
};

export function connectionPart(board) {
  const label = h("span");
  const symbol = h("span", { class: "as-symbol" });
  const pill = h("span", { class: "as-pill", role: "status" }, h("span", { class: "as-dot" }), symbol, label);
  const reconnect = h("button", { type: "button", class: "as-button", onclick: () => board.command("reconnect") });
  reconnect.textContent = "Reconnect";
  const asOf = h("span", { class: "as-muted as-asof" });
  const next = h("span", { class: "as-muted as-next" });
  const root = h("div", { class: "as-connection" }, asOf, next, pill, reconnect);

  const draw = () => {
    const state = board.state();
    if (pill.dataset.state !== state) {
      pill.dataset.state = state;
      symbol.replaceChildren(icon(STATES[state].icon));
    }
    // A replay says of when it is.
    setText(label, state === "replay" ? board.connection.detail : STATES[state].label);
    pill.title = board.connection.detail ?? "";
    const { retry, detail } = board.connection;
    // A session that was closed tries no more.
    reconnect.hidden = state !== "disconnected" || !retry;
    const isTrying = state === "connecting" || state === "disconnected";
    setText(next, isTrying ? retryWords(retry) || (state === "disconnected" ? (detail ?? "") : "") : "");
    next.hidden = next.textContent === "";
    setText(asOf, asOfWords(board, state));
  };
  return { root, draw, tick: draw };
}

/** For parts that are shown without the connection: how old they are, as soon as they are not live. */
export function agePart(board) {
  const root = h("p", { class: "as-age", role: "status", hidden: true });
  const draw = () => {
    const state = board.state();
    root.hidden = state === "live";
    setText(root, root.hidden ? "" : `${STATES[state].label} · ${asOfWords(board, state)}`);
  };
  return { root, draw, tick: draw };
}

function asOfWords(board, state) {
  if (board.asOf === null) return "nothing heard yet";
  if (state === "replay") return `as of ${clockTime(board.asOf)}`;
  const old = board.present() - board.asOf;
  const ago = state !== "live" || old > OLD_MS ? `, ${age(old)} ago` : "";
  return `as of ${clockTime(board.asOf)}${ago}`;
}

function retryWords(retry) {
  if (!retry) return "";
  if (retry.attempt === null) return retry.wait > 0 ? `next try in ${retry.wait} s` : "trying now";
  return `attempt ${retry.attempt} of ${retry.of}, ${retry.wait > 0 ? `next in ${retry.wait} s` : "now"}`;
}
