// The last beats of a card, twice: a line as high as each response time, and below it a strip that tells how each ended.

import { setAttribute, svg } from "./element.js";
import { tone, VERDICTS } from "./words.js";

const BEATS = 30;
const STEP = 5;
const HEIGHT = 22;
const STRIP = 8;
// Each way to end has a height of its own, so that colour does not stand alone.
const HEIGHTS = { __proto__: null, up: 4, degraded: 6, down: STRIP };

const at = (beats, place) => (BEATS - beats.length + place) * STEP;
const shape = (kind, height, ...children) =>
  svg("svg", { class: kind, viewBox: `0 0 ${BEATS * STEP} ${height}`, preserveAspectRatio: "none" }, ...children);

/** The line breaks where there was no response. */
export function sparkline() {
  const area = svg("path", { class: "as-spark-area" });
  const line = svg("path", { class: "as-spark-line" });
  const root = shape("as-spark", HEIGHT, area, line);
  root.setAttribute("aria-hidden", "true");
  const draw = (beats) => {
    const highest = Math.max(1, ...beats.map(([ms]) => ms ?? 0));
    const pieces = [];
    let piece = null;
    beats.forEach(([ms], place) => {
      if (ms === null) piece = null;
      else {
        if (piece === null) pieces.push((piece = []));
        piece.push([at(beats, place) + STEP / 2, HEIGHT - 1 - (ms / highest) * (HEIGHT - 3)]);
      }
    });
    const joined = pieces.map((points) => points.map(([x, y]) => `${x} ${y.toFixed(1)}`).join("L"));
    setAttribute(line, "d", joined.map((points) => `M${points}h.1`).join(""));
    setAttribute(
      area,
      "d",
      pieces.map((points, n) => `M${points[0][0]} ${HEIGHT}L${joined[n]}L${points.at(-1)[0]} ${HEIGHT}z`).join(""),
    );
  };
  return { root, draw };
}

export function beatsStrip() {
  const paths = VERDICTS.map((verdict) => svg("path", { "data-tone": tone(verdict) }));
  const root = shape("as-strip", STRIP, ...paths);
  root.setAttribute("role", "img");
  const draw = (beats) => {
    const bars = VERDICTS.map(() => "");
    beats.forEach(([, code], place) => {
      const tall = HEIGHTS[VERDICTS[code]] ?? 2;
      bars[code] += `M${at(beats, place) + 0.8} ${STRIP}v${-tall}h${STEP - 1.6}v${tall}z`;
    });
    paths.forEach((path, code) => setAttribute(path, "d", bars[code] || null));
    const failed = beats.filter(([, code]) => VERDICTS[code] === "down").length;
    setAttribute(root, "aria-label", `last ${beats.length} results, ${failed} of them down`);
    root.dataset.beats = beats.length;
  };
  return { root, draw };
}
