// What a test run is to test: applications, tags and kinds of tests. Nothing chosen is everything.

import { h, icon, setAttribute, setText } from "./element.js";
import { many } from "./words.js";

const LISTED = 100;
const FIND = "Find an application";

export function choicePanel(board) {
  const chosen = { applicationIds: new Set(), tags: new Set(), testTypes: new Set() };
  const search = h("input", { class: "as-input as-search", type: "search", placeholder: FIND, "aria-label": FIND });
  const types = group("Test types");
  const tags = group("Tags");
  const applications = group("Applications", search);
  const words = h("span", { class: "as-muted" });
  const clear = h("button", { type: "button", class: "as-button" }, "Clear choice");
  const root = h("div", { class: "as-choice", role: "group", "aria-label": "What to test", hidden: true });
  root.append(types.root, tags.root, applications.root, h("div", { class: "as-choice-foot" }, words, clear));
  const toggle = h("button", { type: "button", class: "as-button as-toggle", "aria-expanded": "false" });
  toggle.append(icon("choose"), h("span"));

  const fill = () => {
    const cards = [...board.cards.values()].sort((one, other) => one.name.localeCompare(other.name, "en"));
    const all = (field) => [...new Set(cards.flatMap((card) => card[field] ?? []))].sort().map((word) => [word, word]);
    const sought = search.value.toLowerCase();
    const matches = cards.filter((card) => `${card.name}\n${card.id}`.toLowerCase().includes(sought));
    // Those that are chosen come first: they must be there to be taken back.
    const isChosen = (card) => chosen.applicationIds.has(card.id);
    const listed = [...cards.filter(isChosen), ...matches.filter((card) => !isChosen(card)).slice(0, LISTED)];
    const more = matches.filter((card) => !isChosen(card)).length - LISTED;
    const rest = more > 0 ? `and ${more.toLocaleString("en")} more: find them by name` : "";
    const items = listed.map((card) => [card.id, card.name]);
    types.fill(all("types"), chosen.testTypes, tell);
    tags.fill(all("tags"), chosen.tags, tell);
    applications.fill(items, chosen.applicationIds, tell, rest);
  };
  const tell = () => {
    const said = summary(chosen, board);
    setText(words, said ? `Run Tests tests ${said}.` : "Nothing chosen: Run Tests tests everything.");
    setText(toggle.lastChild, said ?? "Choose…");
    setAttribute(toggle, "aria-label", `Choose what to test${said ? `: ${said}` : ""}`);
    clear.hidden = !said;
  };
  /** What is no longer there can no longer be chosen. */
  const prune = () => {
    const cards = [...board.cards.values()];
    const keep = (set, known) => [...set].filter((word) => !known.has(word)).forEach((word) => set.delete(word));
    keep(chosen.applicationIds, board.cards);
    keep(chosen.tags, new Set(cards.flatMap((card) => card.tags ?? [])));
    keep(chosen.testTypes, new Set(cards.flatMap((card) => card.types ?? [])));
  };
  const renew = () => {
    prune();
    if (!root.hidden) fill();
    tell();
  };

  toggle.addEventListener("click", () => {
    root.hidden = !root.hidden;
    setAttribute(toggle, "aria-expanded", String(!root.hidden));
    renew();
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    toggle.click();
    toggle.focus();
  });
  search.addEventListener("input", fill);
  clear.addEventListener("click", () => {
    for (const set of Object.values(chosen)) set.clear();
    renew();
    toggle.focus();
  });
  tell();

  const asked = () => {
    const some = Object.entries(chosen).filter(([, set]) => set.size > 0);
    return Object.fromEntries(some.map(([field, set]) => [field, [...set]]));
  };
  const isNews = (change) => "name" in change || "tags" in change || "types" in change;
  const heard = (delta) => {
    if (delta.whole || delta.cardsGone || Object.values(delta.cards ?? {}).some(isNews)) renew();
  };
  return { root, toggle, asked, heard };
}

/** A field set of checkboxes. */
function group(label, ...before) {
  const boxes = h("div", { class: "as-boxes" });
  const more = h("span", { class: "as-muted" });
  const root = h("fieldset", { class: "as-group-of" }, h("legend", {}, label), ...before, boxes, more);
  const fill = (items, chosen, tell, rest = "") => {
    setText(more, rest);
    const key = JSON.stringify([items, [...chosen].sort()]);
    root.hidden = items.length === 0 && before.length === 0;
    if (boxes.dataset.key === key) return;
    boxes.dataset.key = key;
    boxes.replaceChildren(...items.map(([value, name]) => checkbox(value, name, chosen, tell)));
  };
  return { root, fill };
}

function checkbox(value, name, chosen, tell) {
  const box = h("input", { type: "checkbox", checked: chosen.has(value) });
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(value);
    else chosen.delete(value);
    tell();
  });
  return h("label", { class: "as-box", title: value }, box, name);
}

/** `2 applications tagged web, login only`, or null when nothing is chosen. */
function summary({ applicationIds, tags, testTypes }, board) {
  const [first] = applicationIds;
  const parts = [];
  if (applicationIds.size === 1) parts.push(board.cards.get(first)?.name ?? first);
  if (applicationIds.size > 1) parts.push(many(applicationIds.size, "application"));
  if (tags.size) parts.push(`${parts.length ? "" : "what is "}tagged ${[...tags].join(" or ")}`);
  if (testTypes.size) parts.push(`${[...testTypes].join(" and ")} only`);
  return parts.length ? parts.join(", ") : null;
}
