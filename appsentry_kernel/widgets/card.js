// One application's card: how it is, how fast, how long already, and each of its checks.

import { h, icon, setAttribute, setText } from "./element.js";
import { beatsStrip, sparkline } from "./sparkline.js";
import { glyph, many, milliseconds, percent, slaGlyph, tone, words } from "./words.js";

// What the card's height has room for below the figures.
const LINES = 3;
const LOCKED_OUT = "Up, but nobody can log in";

export function cardView(board, id) {
  const mark = h("span", { class: "as-mark" });
  const name = h("span", { class: "as-name" });
  const status = h("span", { class: "as-status" });
  const press = () => board.command("run", { applicationIds: [id] });
  const run = h("button", { type: "button", class: "as-button as-small", onclick: press }, icon("run"));
  const response = h("span", { class: "as-response" });
  const badge = h("span", { class: "as-badge" }, "simulated");
  const spark = sparkline();
  const strip = beatsStrip();
  const uptime = h("span");
  const sla = h("span", { class: "as-sla" });
  const budget = h("span", { class: "as-budget-fill" });
  const left = h("span");
  const budgetRow = h("div", { class: "as-card-budget" }, h("span", { class: "as-budget", "aria-hidden": "true" }, budget), left);
  const checks = h("ul", { class: "as-checks" });
  const root = h(
    "li",
    { class: "as-card" },
    h("div", { class: "as-card-head" }, mark, name, badge, status, run),
    h("div", { class: "as-card-beat" }, response, h("div", { class: "as-beats" }, spark.root, strip.root)),
    h("div", { class: "as-card-sla" }, uptime, sla),
    budgetRow,
    checks,
  );

  const draw = (card) => {
    root.dataset.tone = tone(card.status);
    root.dataset.id = card.id;
    setText(mark, glyph(card.status));
    setText(name, card.name);
    setAttribute(name, "title", title(card));
    setText(status, words(card.status));
    setAttribute(run, "aria-label", `Test ${card.name} now`);
    setAttribute(run, "title", `Test ${card.name} now`);
    setText(response, milliseconds(card.response));
    spark.draw(card.beats ?? []);
    strip.draw(card.beats ?? []);
    badge.hidden = !card.simulated;
    setAttribute(root, "data-simulated", card.simulated);
    setText(uptime, `${percent(card.uptime)} up`);
    drawSla(card.sla, sla);
    budgetRow.hidden = card.sla.budget === null;
    setAttribute(budgetRow, "data-tone", tone(card.sla.status));
    setText(left, budgetWords(card.sla.budget ?? 0));
    budget.style.width = `${100 * Math.min(1, Math.max(0, card.sla.budget ?? 0))}%`;
    drawChecks(checks, card);
  };
  return { root, draw };
}

const title = (card) => [card.id, card.group, card.tags.join(", ")].filter(Boolean).join(" · ");

function drawSla(sla, label) {
  setText(label, sla.target === null ? "no SLA" : `${slaGlyph(sla.status)} SLA ${sla.target} % ${words(sla.status)}`);
  setAttribute(label, "title", `SLA ${words(sla.status)}, actual ${percent(sla.actual)}`);
}

const budgetWords = (budget) => (budget < 0 ? "budget overspent" : `${Math.floor(budget * 100)} % of budget left`);

function drawChecks(list, card) {
  // Most updates leave the checks as they were.
  const key = JSON.stringify(card.checks);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  const worst = [...card.checks].sort((one, other) => Number(isFine(one)) - Number(isFine(other)));
  const lines = isLockedOut(card.checks) ? [h("li", { class: "as-locked", "data-tone": "bad" }, LOCKED_OUT)] : [];
  const room = LINES - lines.length;
  const shown = worst.length > room ? room - 1 : worst.length;
  lines.push(...worst.slice(0, shown).map(checkLine));
  if (shown < worst.length) lines.push(h("li", { class: "as-muted" }, `and ${many(worst.length - shown, "more check")}`));
  list.replaceChildren(...lines);
}

const isFine = (check) => check.status === "up";

function isLockedOut(checks) {
  const works = (check) => check.status === "up" || check.status === "degraded";
  const login = checks.filter((check) => check.type === "login");
  const others = checks.filter((check) => check.type !== "login");
  return login.some((check) => check.status === "down") && others.length > 0 && others.every(works);
}

function checkLine(check) {
  const took = check.response === null ? [] : [milliseconds(check.response)];
  const said = check.message ?? [...(check.status === "up" ? [] : [words(check.status)]), ...took].join(" ");
  return h(
    "li",
    { class: "as-check", "data-tone": tone(check.status), title: `${check.check} ${check.status} ${check.message ?? ""}` },
    h("span", { class: "as-mark" }, glyph(check.status)),
    h("span", { class: "as-kind" }, icon(check.type), check.check),
    h("span", { class: "as-message" }, said),
  );
}
