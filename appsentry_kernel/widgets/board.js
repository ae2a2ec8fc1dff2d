// The board in the browser: one a widget, whatever the number of its views. Deltas arrive as numbered messages and are
// folded by the same rules as in `picture/board.py`; whoever missed a number keeps what it has and asks for the whole.

const FEED_LENGTH = 20;
const BEATS_LENGTH = 30;
const SMALL = ["asOf", "dev", "connection", "counts", "problem"];

// The kernel gives a sign of life every two seconds; a freshly opened view waits less for its first.
const QUIET_MS = 10_000;
const FIRST_WORD_MS = 5_000;
// What is pressed it answers at once, if only with a sign of life.
const ANSWER_MS = 1_500;

export class Board {
  #model;
  #listeners = new Set();
  #number = 0;
  #unansweredSince = null;
  #receive = (message) => this.receive(message);

  constructor(model) {
    this.#model = model;
    this.#clear();
    const { number, delta } = model.get("snapshot") ?? {};
    if (delta) this.#take(number, delta);
    this.heardAt = null;
    this.openedAt = Date.now();
    this.lag = Infinity;
    model.on("msg:custom", this.#receive);
  }

  close() {
    this.#model.off("msg:custom", this.#receive);
    this.#listeners.clear();
  }

  /** Call `listener(delta)` after every delta, until the function that this gives back is called. */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  receive({ number, delta }) {
    this.heardAt = Date.now();
    this.#unansweredSince = null;
    if (!delta.whole && number !== this.#number + 1) this.look();
    if (delta.asOf && !delta.whole) this.lag = Math.min(this.lag, Date.now() - delta.asOf);
    this.#take(number, delta);
    for (const listener of this.#listeners) listener(delta);
  }

  command(name, rest = {}) {
    this.#unansweredSince ??= Date.now();
    this.#model.send({ command: name, ...rest });
  }

  /** Ask for everything: it comes with the next message. */
  look() {
    this.command("look");
  }

  /** Whether something was pressed and the kernel has not said a word since. */
  isUnanswered() {
    return this.#unansweredSince !== null && Date.now() - this.#unansweredSince > ANSWER_MS;
  }

  /** How the board is fed: `live`, `connecting`, `disconnected`, or `quiet`. A kernel that went away cannot say so. */
  state() {
    const quiet = Date.now() - (this.heardAt ?? this.openedAt) > (this.heardAt ? QUIET_MS : FIRST_WORD_MS);
    return quiet || this.isUnanswered() ? "quiet" : this.connection.state;
  }

  /** The present as far as the board knows it: one that is not fed stands still at its newest event. */
  now() {
    return this.state() === "live" || this.asOf === null ? this.present() : this.asOf;
  }

  /** The present on the server's clock, as well as the events' own instants tell. */
  present() {
    return Date.now() - (Number.isFinite(this.lag) ? this.lag : 0);
  }

  #clear() {
    this.asOf = null;
    this.dev = false;
    this.connection = { state: "connecting", detail: null, retry: null };
    this.counts = {};
    this.problem = null;
    this.runs = new Map();
    this.feed = [];
    this.cards = new Map();
  }

  #take(number, delta) {
    this.#number = number;
    if (delta.whole) this.#clear();
    for (const name of SMALL) if (name in delta) this[name] = delta[name];
    for (const [id, run] of Object.entries(delta.runs ?? {})) this.runs.set(id, run);
    for (const id of delta.runsGone ?? []) this.runs.delete(id);
    const newest = this.feed[0]?.number ?? 0;
    const fresh = (delta.feed ?? []).filter((entry) => entry.number > newest);
    this.feed = [...fresh.reverse(), ...this.feed].slice(0, FEED_LENGTH);
    for (const id of delta.cardsGone ?? []) this.cards.delete(id);
    for (const [id, change] of Object.entries(delta.cards ?? {})) this.#changeCard(id, change);
    for (const [id, told] of Object.entries(delta.beats ?? {})) {
      const card = this.cards.get(id);
      if (card) goOn(card, told);
    }
  }

  #changeCard(id, change) {
    const card = this.cards.get(id);
    // A few fields of a card that was missed are no card: the whole has been asked for.
    if (!card && !("name" in change)) return;
    const { heard, beats, ...rest } = change;
    const line = beats && !(heard < card?.heard) ? { heard, beats: [...beats] } : {};
    this.cards.set(id, { ...card, ...rest, ...line });
  }
}

/** Take in new beats, `[heard, ms, verdict, ms, verdict, …]`; in place, for there may be thousands a frame. */
function goOn(card, told) {
  const [heard] = told;
  const missing = heard - card.heard;
  if (missing <= 0) return;
  for (let at = Math.max(1, told.length - 2 * missing); at < told.length; at += 2) card.beats.push([told[at], told[at + 1]]);
  if (card.beats.length > BEATS_LENGTH) card.beats.splice(0, card.beats.length - BEATS_LENGTH);
  card.heard = heard;
}
