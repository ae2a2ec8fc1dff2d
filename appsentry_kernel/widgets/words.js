// How values read: a glyph beside every colour, and numbers with their units.
// The tables have no prototype: a word that comes over the wire may be `constructor`.

const GLYPHS = {
  __proto__: null,
  healthy: "✔", up: "✔", passed: "✔", completed: "✔", success: "✔",
  degraded: "▲", warning: "▲",
  down: "✖", failed: "✖", error: "✖",
  maintenance: "◆", paused: "‖", running: "▶", info: "•", cancelled: "■", interrupted: "■",
};

// What a word's colour is; the style sheet knows these five.
const TONES = {
  __proto__: null,
  healthy: "good", up: "good", passed: "good", completed: "good", success: "good", met: "good",
  degraded: "fair", warning: "fair", at_risk: "fair",
  down: "bad", failed: "bad", error: "bad", breached: "bad",
  maintenance: "busy", running: "busy", info: "busy",
};

const SLA_GLYPHS = { __proto__: null, met: "✅", at_risk: "⚠️", breached: "❌" };

// The worst first; what is not listed comes with `unknown`.
const RANKS = { __proto__: null, down: 0, degraded: 1, unknown: 2, maintenance: 3, paused: 4, healthy: 5 };

/** What the second number of a beat stands for. */
export const VERDICTS = ["up", "degraded", "down", "unknown", "maintenance"];

export const glyph = (word) => GLYPHS[word] ?? "?";
export const tone = (word) => TONES[word] ?? "calm";
export const rank = (status) => RANKS[status] ?? RANKS.unknown;
export const slaGlyph = (status) => SLA_GLYPHS[status] ?? "–";
export const statuses = () => Object.keys(RANKS);
export const words = (word) => word.replaceAll("_", " ");

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 9_950) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en")} ms`;
}

/** Percent with as many digits as its distance from 100 deserves; never rounded up to 100. */
export function percent(value) {
  if (value === null || value === undefined) return "–";
  const digits = value > 99.9 && value < 100 ? 3 : 2;
  const scale = 10 ** digits;
  return `${(Math.floor(value * scale) / scale).toFixed(value === 100 ? 0 : digits)} %`;
}

export function clockTime(epochMs) {
  return new Date(epochMs).toLocaleTimeString("en-GB");
}

export function elapsed(ms, digits = 1) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return `${seconds.toFixed(digits)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`
    : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** An age in its largest unit: `40 s`, `3 min`, `2 h`, `5 d`. */
export function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

export const many = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
