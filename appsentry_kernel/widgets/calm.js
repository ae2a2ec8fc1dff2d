// What would move too often to be read moves twice a second: at once when it was still, else with the next tick.

const CALM_MS = 500;

/** A function that says whether it is time to move; when it is, the next pause begins. */
export function calmly() {
  let last = -Infinity;
  return () => {
    const isTime = performance.now() - last >= CALM_MS;
    if (isTime) last = performance.now();
    return isTime;
  };
}
