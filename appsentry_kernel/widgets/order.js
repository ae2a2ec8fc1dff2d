// Which applications are shown, and in which order: the worst first, by group where that is asked for.

import { rank, statuses } from "./words.js";

// Names are slow to compare and seldom change; statuses change all the time and fall into a few heaps.
const collator = new Intl.Collator("en", { numeric: true });
const byName = (one, other) => collator.compare(one.name, other.name);

export class Order {
  /** What people chose; call `rearrange` after a change. */
  choice = { text: "", tag: null, statuses: new Set(), grouped: false };
  #board;
  #names = null;
  #sections = null;
  #wanting = true;

  constructor(board) {
    this.#board = board;
  }

  /** Take note of what a delta does to names and order. */
  heard(delta) {
    if (delta.whole || delta.cardsGone) this.#names = null;
    for (const change of Object.values(delta.cards ?? {})) {
      if ("name" in change || "group" in change || "tags" in change) this.#names = null;
      if ("status" in change || "simulated" in change) this.#sections = null;
    }
    if (this.#names === null) this.rearrange();
  }

  rearrange() {
    this.#sections = null;
    this.#wanting = true;
  }

  /** Whether `sections` would give the same again. */
  get settled() {
    return this.#sections !== null;
  }

  /** Whether the last `sections` cannot be gone on with for a moment: cards came or went, or people chose. */
  get wanting() {
    return this.#wanting;
  }

  /** `[{heading, ids}]`; a single section without a heading unless they are grouped. */
  sections() {
    this.#sections ??= this.#arranged();
    this.#wanting = false;
    return this.#sections;
  }

  #arranged() {
    this.#names ??= [...this.#board.cards.values()].sort(byName).map((card) => ({ id: card.id, text: searched(card) }));
    const { text, grouped } = this.choice;
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.#names.filter((name) => words.every((word) => name.text.includes(word))).map(({ id }) => id);
    const shown = found.map((id) => this.#board.cards.get(id)).filter((card) => this.#isChosen(card));
    return grouped ? groups(shown) : [{ heading: null, ids: worstFirst(shown) }];
  }

  #isChosen(card) {
    const { tag, statuses: chosen } = this.choice;
    return (tag === null || card.tags.includes(tag)) && (chosen.size === 0 || chosen.has(card.status));
  }
}

const searched = (card) => [card.name, card.id, card.group ?? "", ...card.tags].join("\n").toLowerCase();

function worstFirst(cards) {
  const heaps = statuses().map(() => []);
  for (const card of cards) heaps[rank(card.status)].push(card.id);
  return heaps.flat();
}

/** Groups by their worst application, then by name; those without a group come last of their kind. */
function groups(cards) {
  const found = new Map();
  for (const card of cards) {
    const heading = card.group ?? "No group";
    if (!found.has(heading)) found.set(heading, []);
    found.get(heading).push(card);
  }
  const worst = (group) => Math.min(...group.map((card) => rank(card.status)));
  const ranked = [...found].map(([heading, group]) => ({ heading, group, worst: worst(group) }));
  ranked.sort((one, other) => one.worst - other.worst || collator.compare(one.heading, other.heading));
  return ranked.map(({ heading, group }) => ({ heading, ids: worstFirst(group) }));
}
