// The activity feed: the last twenty things that happened, newest first; spoken sparingly.

import { calmly } from "./calm.js";
import { h, icon } from "./element.js";
import { clockTime, glyph, milliseconds, tone, words } from "./words.js";

const SPOKEN_EVERY_MS = 2_000;
const KINDS = { __proto__: null, run: "run", status: "activity", notice: "bell" };

/** Beside toasts, which speak for themselves, notifications are not spoken a second time. */
export function feedPart(board, besideToasts = false) {
  const list = h("ol", { class: "as-feed", "aria-label": "Activity, newest first", tabindex: "0" });
  const empty = h("p", { class: "as-muted" }, "Nothing has happened yet.");
  const speaker = speakerOf();
  const title = h("h3", { class: "as-title" }, "Activity");
  const root = h("section", { class: "as-panel as-activity" }, h("header", {}, title), empty, list, speaker.root);
  const items = new Map();
  const isTime = calmly();
  let drawn = null;
  let newest = board.feed[0]?.number ?? 0;

  const draw = () => {
    const latest = board.feed[0]?.number ?? 0;
    if (drawn === latest || !isTime()) return;
    drawn = latest;
    // One thing that happens is seen coming. Of many none is: a page that always moves is what costs the browser most.
    const isCalm = board.feed.filter((entry) => !items.has(entry.number)).length === 1;
    empty.hidden = board.feed.length > 0;
    const numbers = new Set(board.feed.map((entry) => entry.number));
    for (const [number, item] of items) {
      if (!numbers.has(number)) {
        item.remove();
        items.delete(number);
      }
    }
    board.feed.forEach((entry, place) => {
      if (!items.has(entry.number)) items.set(entry.number, itemOf(entry, isCalm));
      const item = items.get(entry.number);
      if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
    });
    const spoken = board.feed.find((entry) => !besideToasts || entry.what !== "notice");
    if (spoken && spoken.number > newest) speaker.say(sentence(spoken));
    newest = board.feed[0]?.number ?? newest;
  };
  return { root, draw, tick: draw, close: speaker.close };
}

const sentence = (entry) =>
  [entry.simulated ? "simulated" : null, entry.name, entry.type, words(entry.status), entry.message].filter((word) => word !== null).join(", ");

function itemOf(entry, isCalm) {
  const said = entry.message ?? "";
  const subject = entry.name ?? (entry.what === "run" ? "Test run" : "AppSentry");
  return h(
    "li",
    { class: "as-entry", "data-tone": tone(entry.status), "data-what": entry.what, "data-arrives": isCalm },
    h("span", { class: "as-mark", "aria-hidden": "true" }, glyph(entry.status)),
    h("strong", { class: "as-name", title: subject }, subject),
    h("time", { class: "as-muted", datetime: new Date(entry.at).toISOString() }, clockTime(entry.at)),
    h(
      "span",
      { class: "as-said", title: said },
      h("span", { class: "as-kind" }, icon(KINDS[entry.what] ?? entry.type), entry.type ?? ""),
      // A notification says itself what it is about.
      entry.what === "notice" ? null : h("span", { class: "as-status" }, words(entry.status)),
      entry.simulated ? h("span", { class: "as-badge" }, "simulated") : null,
      said ? h("span", { class: "as-message" }, said) : null,
    ),
    h("span", { class: "as-took" }, entry.duration === null ? "" : milliseconds(entry.duration)),
  );
}

/** A polite log that only screen readers see: at most the latest sentence every two seconds. */
function speakerOf() {
  const root = h("div", { class: "as-unseen", role: "log", "aria-live": "polite", "aria-label": "Latest activity" });
  let timer = null;
  let next = null;
  const speak = () => {
    timer = null;
    if (next === null) return;
    root.append(h("p", {}, next));
    while (root.children.length > 3) root.firstChild.remove();
    next = null;
    timer = setTimeout(speak, SPOKEN_EVERY_MS);
  };
  const say = (text) => {
    next = text;
    if (timer === null) speak();
  };
  return { root, say, close: () => clearTimeout(timer) };
}
