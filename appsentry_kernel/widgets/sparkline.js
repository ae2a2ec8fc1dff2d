// The last beats of a card: a bar for each, as high as its response time, coloured and shaped by its verdict.

import { svg } from "./element.js";
import { tone } from "./words.js";

const BEATS = 30;
const STEP = 5;
const HEIGHT = 28;

export function sparkline() {
  const root = svg("svg", {
    class: "as-spark",
    viewBox: `0 0 ${BEATS * STEP} ${HEIGHT}`,
    preserveAspectRatio: "none",
    role: "img",
  });
  const draw = (beats) => {
    const highest = Math.max(1, ...beats.map(([ms]) => ms ?? 0));
    const offset = BEATS - beats.length;
    beats.forEach(([ms, verdict], place) => {
      const bar = root.children[place] ?? root.appendChild(svg("rect", { width: STEP - 1.5, rx: 1 }));
      // Without a response there is no height to show: the whole column says so.
      const tall = ms === null || verdict === "down" ? HEIGHT : Math.max(2, (ms / highest) * (HEIGHT - 2));
      bar.setAttribute("x", (offset + place) * STEP);
      bar.setAttribute("y", HEIGHT - tall);
      bar.setAttribute("height", tall);
      bar.dataset.tone = tone(verdict);
    });
    while (root.children.length > beats.length) root.lastChild.remove();
    const failed = beats.filter(([, verdict]) => verdict === "down").length;
    root.setAttribute("aria-label", `last ${beats.length} results, ${failed} of them down`);
  };
  return { root, draw };
}
