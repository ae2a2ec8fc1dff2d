// Simulator controls, for a server in development mode only.

import { h, setAttribute } from "./element.js";

const KINDS = { testRun: "Simulate Test Run", statusUpdate: "Status Update", activity: "Add Activity" };

export function simulatorPart(board) {
  const seed = h("input", { class: "as-input as-seed", type: "number", step: "1", placeholder: "seed", "aria-label": "Seed" });
  setAttribute(seed, "title", "The same seed simulates the same again");
  const press = (kind) => () => {
    const number = seed.valueAsNumber;
    board.command("simulate", Number.isSafeInteger(number) ? { kind, seed: number } : { kind });
  };
  const buttons = Object.entries(KINDS).map(([kind, label]) =>
    h("button", { type: "button", class: "as-button", onclick: press(kind) }, label),
  );
  const root = h("div", { class: "as-simulator", role: "group", "aria-label": "Simulator", hidden: true });
  root.append(h("span", { class: "as-badge" }, "Simulator"), ...buttons, seed);
  const draw = () => (root.hidden = !board.dev);
  return { root, draw };
}
