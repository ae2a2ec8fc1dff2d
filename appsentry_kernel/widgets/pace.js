// How long a run will probably still take: from its own pace, and before that from the last run of the same size.

import { elapsed } from "./words.js";

/** `about 12 s left`, or what can honestly be said instead; empty when nothing can. Times are on the server's clock. */
export function expectation(run, runs, now) {
  if (run.state !== "running") return "";
  const going = Math.max(0, now - run.started - run.idle);
  if (run.completed >= run.total) return "";
  if (run.completed > 0) return left((going / run.completed) * (run.total - run.completed));
  const last = lastOfSize(run, runs);
  if (last === null) return "";
  return going < last ? left(last - going) : `longer than the ${elapsed(last)} of last time`;
}

const left = (ms) => (ms < 1_000 ? "almost done" : `about ${elapsed(ms < 60_000 ? Math.round(ms / 1000) * 1000 : ms, 0)} left`);

function lastOfSize(run, runs) {
  const same = runs.filter((other) => other.state === "completed" && other.total === run.total && other.simulated === run.simulated);
  same.sort((one, other) => other.started - one.started);
  return same.length ? same[0].duration - same[0].idle : null;
}
