// What people choose of the applications: by text, tag and status; and whether by group.

import { h, setAttribute, setText } from "./element.js";
import { glyph, many, statuses, tone, words } from "./words.js";

const EVERY_TAG = "All tags";

export function filterBar(board, choice, chosen) {
  const text = h("input", {
    class: "as-input as-search", type: "search", placeholder: "Filter by name or tag", "aria-label": "Filter applications",
  });
  const tag = h("select", { class: "as-input", "aria-label": "Tag" });
  const group = h("button", { type: "button", class: "as-button as-toggle", "aria-pressed": "false" }, "By group");
  const tally = h("span", { class: "as-tally", role: "group", "aria-label": "Filter by status" });
  const simulated = h("span", { class: "as-badge" });
  const chips = new Map(statuses().map((status) => [status, chipOf(status)]));
  tally.append(...[...chips.values()], simulated);
  const root = h("div", { class: "as-filter" }, tally, h("span", { class: "as-filter-right" }, group, tag, text));

  const on = (control, event, apply) =>
    control.addEventListener(event, () => {
      apply();
      chosen();
    });
  on(text, "input", () => (choice.text = text.value));
  on(tag, "change", () => (choice.tag = tag.selectedIndex > 0 ? tag.value : null));
  on(group, "click", () => {
    choice.grouped = !choice.grouped;
    setAttribute(group, "aria-pressed", String(choice.grouped));
  });
  for (const [status, chip] of chips) {
    on(chip, "click", () => {
      if (!choice.statuses.delete(status)) choice.statuses.add(status);
      setAttribute(chip, "aria-pressed", String(choice.statuses.has(status)));
    });
  }

  const draw = () => {
    const counts = new Map();
    const tags = new Set();
    let invented = 0;
    let grouped = false;
    for (const card of board.cards.values()) {
      if (card.simulated) invented += 1;
      else counts.set(card.status, (counts.get(card.status) ?? 0) + 1);
      for (const one of card.tags) tags.add(one);
      grouped ||= card.group !== null;
    }
    for (const [status, chip] of chips) {
      const count = counts.get(status) ?? 0;
      chip.hidden = count === 0 && !choice.statuses.has(status);
      setText(chip, `${glyph(status)} ${count.toLocaleString("en")} ${words(status)}`);
      setAttribute(chip, "title", `Show ${words(status)} applications only`);
    }
    simulated.hidden = invented === 0;
    setText(simulated, `${invented} simulated, not counted`);
    group.hidden = !grouped;
    drawTags(tag, [...tags].sort(), choice);
    root.hidden = board.cards.size === 0;
  };
  return { root, draw };
}

function chipOf(status) {
  return h("button", { type: "button", class: "as-chip", "data-tone": tone(status), "aria-pressed": "false" });
}

function drawTags(select, tags, choice) {
  const key = JSON.stringify(tags);
  select.hidden = tags.length === 0;
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  if (!tags.includes(choice.tag)) choice.tag = null;
  const option = (value, label) => h("option", { value, selected: value === (choice.tag ?? "") }, label);
  select.replaceChildren(option("", EVERY_TAG), ...tags.map((tag) => option(tag, tag)));
}

/** `12 applications`, or `3 of 12 applications` when some are filtered out. */
export const shownWords = (shown, all) =>
  shown === all ? many(all, "application") : `${shown.toLocaleString("en")} of ${many(all, "application")}`;
