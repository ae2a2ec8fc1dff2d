// The dashboard, or some of its parts: what stands where.

import { cardsPart } from "./cards.js";
import { agePart, connectionPart } from "./connection.js";
import { h, icon } from "./element.js";
import { feedPart } from "./feed.js";
import { countsPart, problemPart, silencePart } from "./messages.js";
import { progressPart } from "./progress.js";
import { simulatorPart } from "./simulator.js";
import { toastsPart } from "./toasts.js";
import { widget } from "./view.js";

const PARTS = { connection: connectionPart, progress: progressPart, cards: cardsPart, feed: feedPart };

function layout(board, model) {
  const names = model.get("parts") ?? Object.keys(PARTS);
  const together = names.length > 1;
  const parts = Object.fromEntries(names.map((name) => [name, PARTS[name](board, together)]));
  parts.age = names.includes("connection") ? null : agePart(board);
  parts.problem = problemPart(board);
  parts.silence = silencePart(board);
  parts.counts = names.includes("connection") ? countsPart(board) : null;
  parts.simulator = together ? simulatorPart(board) : null;
  parts.toasts = together && parts.feed ? toastsPart(board) : null;
  const at = (name) => parts[name]?.root ?? null;
  const brand = together ? h("h2", { class: "as-brand" }, icon("activity"), "AppSentry") : null;
  const head = [brand, at("connection"), at("age")];
  const lists = [at("cards"), at("feed")].filter((root) => root !== null);
  const root = h(
    "div",
    { class: together ? "as-board" : "as-board as-alone" },
    h("header", { class: "as-header" }, ...head),
    at("problem"),
    at("silence"),
    at("progress"),
    lists.length ? h("div", { class: lists.length > 1 ? "as-columns" : "" }, ...lists) : null,
    at("toasts"),
    h("footer", { class: "as-footer" }, at("counts"), at("simulator")),
  );
  return { root, parts: Object.values(parts).filter((part) => part !== null) };
}

export default widget(layout);
