// Test runs: a block with bar and buttons for each that is going, or for the last one that ended.

import { choicePanel } from "./choice.js";
import { h, icon, setAttribute, setText } from "./element.js";
import { expectation } from "./pace.js";
import { elapsed, glyph, many, tone, words } from "./words.js";

const BLOCKS = 3;
const PATIENCE_MS = 5_000;
const IDLE = "No test run yet. Run Tests checks every application now, or what you choose.";
const LATE = "No answer yet: the kernel or the server is busy.";
const isGoing = (run) => run.state === "running" || run.state === "paused";

export function progressPart(board) {
  const start = h("button", { type: "button", class: "as-button as-primary" }, icon("run"), h("span"));
  const idle = h("p", { class: "as-muted" });
  const list = h("div", { class: "as-runs" });
  const title = h("h3", { class: "as-title" }, "Test progress");
  const choice = choicePanel(board);
  const controls = h("span", { class: "as-buttons" }, choice.toggle, start);
  const head = h("header", {}, h("span", { class: "as-heading" }, icon("activity"), title), controls);
  const root = h("section", { class: "as-panel as-progress" }, head, choice.root, idle, list);
  const blocks = new Map();
  let asked = null;

  start.addEventListener("click", () => {
    asked = { at: Date.now(), runs: new Set(board.runs.keys()), problem: board.problem?.number };
    board.command("run", choice.asked());
    draw();
  });
  const isAnswered = () => [...board.runs.keys()].some((id) => !asked.runs.has(id)) || asked.problem !== board.problem?.number;

  const draw = () => {
    const runs = [...board.runs.values()].sort((one, other) => other.started - one.started);
    const going = runs.filter(isGoing);
    const shown = going.length ? going.slice(0, BLOCKS) : runs.slice(0, 1);
    if (asked && (isAnswered() || board.isUnanswered())) asked = null;
    const isLate = asked !== null && Date.now() - asked.at > PATIENCE_MS;
    const waiting = asked !== null && !isLate;
    setText(start.lastChild, waiting ? "Starting…" : "Run Tests");
    setAttribute(start, "aria-disabled", waiting ? "true" : null);
    start.disabled = waiting;
    const more = going.length - shown.length;
    const said = [isLate ? LATE : null, more > 0 ? `and ${many(more, "more run")}` : null, shown.length ? null : IDLE];
    setText(idle, said.filter((words) => words !== null).join(" "));
    idle.hidden = idle.textContent === "";
    for (const [id, block] of blocks) {
      if (!shown.some((run) => run.run === id)) {
        block.root.remove();
        blocks.delete(id);
      }
    }
    shown.forEach((run, place) => {
      if (!blocks.has(run.run)) blocks.set(run.run, runBlock(board, run.run));
      const block = blocks.get(run.run);
      if (list.children[place] !== block.root) list.insertBefore(block.root, list.children[place] ?? null);
      block.draw(run, runs);
    });
  };
  return { root, draw, tick: draw, changed: choice.heard };
}

function runBlock(board, id) {
  const button = (label, command) => {
    const press = () => board.command(command, { testRunId: id });
    return h("button", { type: "button", class: "as-button", onclick: press }, label);
  };
  const pause = button("Pause", "pause");
  const resume = button("Resume", "resume");
  const cancel = button("Cancel", "cancel");
  const words = h("span");
  const dots = h("span", { class: "as-dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
  const badge = h("span", { class: "as-badge" }, "simulated");
  const headline = h("span", { class: "as-headline" }, dots, words, badge);
  const figures = h("span", { class: "as-muted as-figures" });
  const tally = h("span", { class: "as-tally" });
  const fill = h("div", { class: "as-fill" });
  const bar = h("div", { class: "as-bar", role: "progressbar", "aria-label": "Test progress", "aria-valuemin": 0 }, fill);
  const buttons = h("span", { class: "as-buttons" }, pause, resume, cancel);
  const head = h("div", { class: "as-run-head" }, headline, buttons);
  const root = h("div", { class: "as-run" }, head, bar, h("div", { class: "as-run-foot" }, figures, tally));

  const draw = (run, runs) => {
    root.dataset.state = run.state;
    root.dataset.tone = isGoing(run) ? "busy" : run.failed ? "bad" : tone(run.state);
    setText(words, headlineOf(run));
    dots.hidden = run.state !== "running";
    badge.hidden = !run.simulated;
    // A board that is not fed does not go on by itself.
    const now = board.now();
    const took = elapsed(run.duration ?? now - run.started);
    const expected = board.state() === "live" ? expectation(run, runs, now) : "";
    setText(figures, [`${run.completed} of ${many(run.total, "test")}`, took, expected].filter(Boolean).join(" · "));
    setAttribute(bar, "aria-valuemax", run.total);
    setAttribute(bar, "aria-valuenow", run.completed);
    setAttribute(bar, "aria-valuetext", `${run.completed} of ${many(run.total, "test")}, ${run.state}`);
    fill.style.backgroundImage = isGoing(run) ? "" : shares(run);
    fill.style.width = `${run.total ? (100 * run.completed) / run.total : 0}%`;
    drawTally(tally, run);
    pause.hidden = run.state !== "running";
    resume.hidden = run.state !== "paused";
    cancel.hidden = !isGoing(run);
  };
  return { root, draw };
}

// Where each kind of outcome ends on a bar that stands still, and in which colour.
const OUTCOMES = [["passed", "good"], ["degraded", "fair"], ["failed", "bad"], ["unknown", "calm"]];

/** A run that ended shows how its tests did: one that failed does not make the whole bar red. */
function shares(run) {
  let end = 0;
  const stops = OUTCOMES.map(([word, colour]) => {
    const start = end;
    end += run.completed ? (100 * run[word]) / run.completed : 0;
    return `var(--as-${colour}) ${start}% ${end}%`;
  });
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

function headlineOf(run) {
  if (run.state === "running") return run.current ? `Testing ${run.current}…` : "Starting…";
  if (run.state === "paused") return "Paused";
  return run.state === "completed" ? "Run completed" : `Run ${run.state}${run.reason ? `: ${run.reason}` : ""}`;
}

function drawTally(tally, run) {
  const shown = ["passed", "degraded", "failed", "unknown"].filter((word) => run[word]);
  const key = shown.map((word) => `${word}${run[word]}`).join();
  if (tally.dataset.key === key) return;
  tally.dataset.key = key;
  const chip = (word) => h("span", { class: "as-chip", "data-tone": tone(word) }, `${glyph(word)} ${run[word]} ${words(word)}`);
  tally.replaceChildren(...shown.map(chip));
}
